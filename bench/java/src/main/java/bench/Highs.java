package bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The best score of each user with Kafka Streams, in one of three ways.
 *
 * <p>{@code reduce}: what its documentation leads to, {@code reduce(max)} in a RocksDB store, with
 * the default cache: newer bests of a user replace older ones until the next commit. {@code each}:
 * the same without the cache, so that every score passes at once. {@code processor}: by hand, on
 * bytes, with a store in memory, writing improvements alone.
 *
 * <p>The argument says which way; broker, topics and the directory of the state stand in the
 * environment. Commits once a second, as our flow's epoch ends. SIGTERM ends it.
 */
public final class Highs {
  private static final Serde<Long> SCORE =
      Serdes.serdeFrom(
          (topic, score) -> score == null ? null : score.toString().getBytes(UTF_8),
          (topic, bytes) -> bytes == null ? null : Long.parseLong(new String(bytes, UTF_8)));

  public static void main(String[] args) {
    String way = args[0];
    String brokers = System.getenv("LEADERBOARD_BOOTSTRAP_SERVERS");
    String scores = System.getenv("LEADERBOARD_TOPICS__SCORES__NAME");
    String out = System.getenv("LEADERBOARD_TOPICS__HIGH_SCORES__NAME");
    Properties config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, "streams-" + out);
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    config.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("BENCH_STATE"));
    config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
    if (way.equals("each")) {
      config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    }
    Topology topology = way.equals("processor") ? processor(scores, out) : reduce(scores, out);
    KafkaStreams streams = new KafkaStreams(topology, config);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }

  private static Topology reduce(String scores, String out) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(scores, Consumed.with(Serdes.String(), SCORE))
        .groupByKey(Grouped.with(Serdes.String(), SCORE))
        .reduce(Math::max, Materialized.with(Serdes.String(), SCORE))
        .toStream()
        .to(out, Produced.with(Serdes.String(), SCORE));
    return builder.build();
  }

  private static Topology processor(String scores, String out) {
    var bytes = Serdes.Bytes();
    var store =
        Stores.keyValueStoreBuilder(
            Stores.inMemoryKeyValueStore(Best.STORE), bytes, Serdes.Long());
    return new Topology()
        .addSource("scores", bytes.deserializer(), SCORE.deserializer(), scores)
        .addProcessor("best", Best::new, "scores")
        .addStateStore(store, "best")
        .addSink("out", out, bytes.serializer(), SCORE.serializer(), "best");
  }

  /** Keeps each user's best in a store and forwards what improves it. */
  private static final class Best implements Processor<Bytes, Long, Bytes, Long> {
    static final String STORE = "bests";
    private ProcessorContext<Bytes, Long> context;
    private KeyValueStore<Bytes, Long> bests;

    @Override
    public void init(ProcessorContext<Bytes, Long> context) {
      this.context = context;
      this.bests = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<Bytes, Long> score) {
      Long best = bests.get(score.key());
      if (best == null || score.value() > best) {
        bests.put(score.key(), score.value());
        context.forward(score);
      }
    }
  }
}

"""The floor: bare Python loops. `python -m bench.loops consume|fold|produce COUNT OUT`.

`consume` drops the messages, `fold` decodes them and keeps a dict of the best, `produce` writes the
improvements too, with an origin header. Prints the seconds from the first message to the last.
"""

import sys
import time

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from bench.game import produce
from conf import clients
from conf.settings import Settings, load

WAIT_SECONDS = 0.001


def consumer(settings: Settings) -> Consumer:
    """Read all partitions of `scores` with one consumer, with the flow's own properties."""
    topic = settings.topics.scores.name
    reader = Consumer({**clients.consumer(settings), "group.id": "loop"})
    partitions = reader.list_topics(topic, 30).topics[topic].partitions
    reader.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in partitions])
    return reader


def run(kind: str, count: int, out: str) -> float:
    """Read that many messages, and give the seconds that it took."""
    settings = load()
    reader = consumer(settings)
    writer = Producer(clients.producer(settings))
    decode = msgspec.json.Decoder(int).decode
    best: dict[bytes, int] = {}
    started, seen = 0.0, 0
    while seen < count:
        messages = reader.consume(10_000, WAIT_SECONDS)
        if messages and not seen:
            started = time.monotonic()
        seen += len(messages)
        if kind == "consume":
            continue
        for message in messages:
            if message.error() is not None:
                raise SystemExit(str(message.error()))
            key, score = message.key() or b"", decode(message.value() or b"")
            if score <= best.get(key, -1):
                continue
            best[key] = score
            if kind == "produce":
                origin = b"abcdefgh/%d/%d" % (message.partition() or 0, message.offset() or 0)
                moment = message.timestamp()[1]
                headers = [("origin", origin)]
                produce(writer, out, key, b"%d" % score, timestamp=moment, headers=headers)
        writer.poll(0)
    writer.flush(60)
    took = time.monotonic() - started
    reader.close()
    return took


if __name__ == "__main__":
    print(run(sys.argv[1], int(sys.argv[2]), sys.argv[3]))

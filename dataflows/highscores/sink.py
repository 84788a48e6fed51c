"""The sink `high-scores`: folds candidates into each user's best and writes what improves.

A sink partition is a shard: it holds the bests of its users and is the only one that writes their
partition of the topic. **Restore after fence:** a shard first fences every earlier writer of its
partition, then reads the partition to its end, then writes. So it has read all that they will ever
have written (with `exactly_once`; with `at_least_once` nothing is fenced, and the earlier flow must
have ended). The first candidates and the end of the first epoch wait for that.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from itertools import islice

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import Message

from dataflows.context import FlowContext
from dataflows.highscores.fold import Candidates, improvements, note_origins
from dataflows.kafka.partitioner import partitions_of
from dataflows.kafka.producer import Headers, Record, Writer
from dataflows.kafka.table import decode_bests, read_to_end
from dataflows.process import fail, return_freed_memory
from dataflows.wire import ORIGIN, encode_score, origin_prefix

CHECKED_KEYS = 500  # the first and the last: re-keying works its way from first to last


class HighScoresSink(FixedPartitionedSink[Candidates, None]):
    """The table `high-scores`. `bests` gets the table of each shard that is restored here."""

    def __init__(self, context: FlowContext, bests: dict[int, dict[bytes, int]]) -> None:
        self._context = context
        self._bests = bests

    def list_parts(self) -> list[str]:
        """Name the shards."""
        return self._context.partitions("high_scores")

    def part_fn(self, item_key: str) -> int:
        """Route by the name of the shard."""
        return int(item_key)

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "HighScoresShard":
        """Open a shard; Bytewax's resume state is ignored, the topic is the state."""
        return HighScoresShard(self._context, int(for_part), self._bests)


class HighScoresShard(StatefulSinkPartition[Candidates, None]):
    """One shard, restored in the background."""

    def __init__(
        self, context: FlowContext, partition: int, bests: dict[int, dict[bytes, int]]
    ) -> None:
        self._context = context
        self._partition = partition
        self._topic = context.topic("high_scores")
        self._form = context.settings.topics.high_scores.format
        self._scores_id = context.topic("scores").id
        self._bests = bests
        self._table: dict[bytes, int] = {}
        self._counted: dict[int, int] = {}
        context.note_restoring()
        fenced = context.fencers.submit(context.fenced_writer, f"{self._topic.name}-{partition}")
        self._restored = context.restorers.submit(self._restore, fenced)

    def write_batch(self, values: list[Candidates]) -> None:
        """Fold candidates and write what improves, each with the score's time and origin."""
        for candidates in values:
            if candidates.users:
                self._restored.result().write(self._records(candidates))

    def snapshot(self) -> None:
        """Wait until the broker has this epoch; raises where it has not."""
        self._restored.result().flush()

    def _records(self, candidates: Candidates) -> Iterator[Record]:
        topic, partition, form = self._topic.name, self._partition, self._form
        sources = len(self._counted.keys() | {candidates.partition})
        prefix = origin_prefix(self._scores_id, sources, candidates.partition)
        found = improvements(self._table, self._counted, candidates)
        for user, score, time_ms, offset in found:
            value = None if score is None else encode_score(score, form)
            headers: Headers = [(ORIGIN, b"%b%d" % (prefix, offset))]
            yield topic, value, user, partition, None, None, time_ms, headers

    def _restore(self, fenced: Future[Writer]) -> Writer:
        writer = fenced.result()
        settings, stopping = self._context.settings, self._context.stopping
        for messages in read_to_end(settings, self._topic.name, self._partition, stopping):
            self._load(messages)
        table = self._table
        self._check_keys([*islice(table, CHECKED_KEYS), *islice(reversed(table), CHECKED_KEYS)])
        self._bests[self._partition] = table
        return_freed_memory()
        self._context.note_restored(len(table))
        return writer

    def _load(self, messages: list[Message]) -> None:
        keys = [message.key() or b"" for message in messages]
        scores = decode_bests(messages, self._form)
        for key, score in zip(keys, scores, strict=True):
            if score is None:
                self._table.pop(key, None)
            else:
                self._table[key] = score
        note_origins(self._counted, self._scores_id, messages)

    def _check_keys(self, keys: list[bytes]) -> None:
        """Refuse a table with keys in partitions that are not theirs."""
        partitions = self._topic.partitions
        for key, partition in zip(keys, partitions_of(keys, partitions), strict=True):
            if partition != self._partition:
                fail(
                    f"{self._topic.name}[{self._partition}] holds {key!r}, which belongs to "
                    f"another of its {partitions} partitions: were partitions added? "
                    "docs/operations.md says how to re-key it"
                )

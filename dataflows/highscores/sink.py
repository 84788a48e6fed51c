"""The sink `high-scores`: folds candidates into each user's best and writes what improves.

A sink partition is a shard: it holds the bests of its users and is the only one that writes their
partition of the topic. **Restore after fence:** a shard first fences every earlier writer of its
partition, then reads the partition to its end, then writes. So it has read all that they will ever
have written (with `exactly_once`; with `at_least_once` nothing is fenced, and the earlier flow must
have ended). The first candidates and the end of the first epoch wait for that.
"""

from collections.abc import Iterator
from concurrent.futures import Future

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from dataflows.context import FlowContext
from dataflows.highscores.fold import Candidates, Shard, improvements
from dataflows.highscores.restore import Restored, restore
from dataflows.kafka.producer import Headers, Record, Writer
from dataflows.process import return_freed_memory
from dataflows.wire import ORIGIN, encode_score, origin_prefix


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
        context.note_restoring()
        fenced = context.fencers.submit(context.fenced_writer, f"{self._topic.name}-{partition}")
        self._restored = context.restorers.submit(self._restore, fenced)
        self._opened: tuple[Writer, Shard] | None = None

    def write_batch(self, values: list[Candidates]) -> None:
        """Fold candidates and write what improves, each with the score's time and origin."""
        for candidates in values:
            if candidates.users:
                writer, shard = self._open()
                writer.write(self._records(shard, candidates))

    def snapshot(self) -> None:
        """Wait until the broker has this epoch; raises if it has not."""
        writer, _ = self._open()
        with self._context.watchdog.held():
            writer.flush()

    def _open(self) -> tuple[Writer, Shard]:
        """Wait until the shard is restored; then write the repairs of its partition first."""
        if self._opened is None:
            with self._context.watchdog.held():
                writer, restored = self._restored.result()
            writer.write(restored.repairs)
            self._opened = writer, restored.shard
        return self._opened

    def _records(self, shard: Shard, candidates: Candidates) -> Iterator[Record]:
        topic, partition, form = self._topic.name, self._partition, self._form
        sources = len(shard.counted.keys() | {candidates.partition})
        prefix = origin_prefix(self._scores_id, sources, candidates.partition)
        for user, score, time_ms, offset in improvements(shard, candidates):
            value = None if score is None else encode_score(score, form)
            headers: Headers = [(ORIGIN, b"%b%d" % (prefix, offset))]
            yield topic, value, user, partition, None, None, time_ms, headers

    def _restore(self, fenced: Future[Writer]) -> tuple[Writer, Restored]:
        writer = fenced.result()
        restored = restore(self._context, self._partition)
        self._bests[self._partition] = restored.shard.best
        return_freed_memory()
        self._context.note_restored(len(restored.shard.best))
        return writer, restored

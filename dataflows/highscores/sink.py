"""The sink `high-scores`: folds candidates into each user's bests and writes what improves.

A sink partition is a shard: it holds the bests of its users on every board, and is the only one
that writes their partition of each table; with `exactly_once` it writes all of them with one
transactional producer. **Restore after fence:** a shard first fences every earlier writer of its
partitions, then reads them to their ends, then writes. So it has read all that they will ever have
written (with `exactly_once`; with `at_least_once` nothing is fenced, and the earlier flow must have
ended). The first candidates and the end of the first epoch wait for that.
"""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from dataflows import metrics
from dataflows.context import FlowContext, partition_name
from dataflows.highscores.fold import AllTime, ByPeriod, Candidates, Shard
from dataflows.highscores.restore import Restored, restore
from dataflows.highscores.starts import Starts
from dataflows.kafka.producer import Record, Writer
from dataflows.periods import Calendar
from dataflows.process import return_freed_memory
from dataflows.wire import ORIGIN, origin_format, period_key, score_codec


class HighScoresSink(FixedPartitionedSink[Candidates, None]):
    """The tables of all boards. `shards` gets each shard that is restored here."""

    def __init__(
        self, context: FlowContext, calendar: Calendar, starts: Starts, shards: dict[int, Shard]
    ) -> None:
        self._context = context
        self._restore = partial(restore, context, calendar, starts)
        self._shards = shards

    def list_parts(self) -> list[str]:
        """Name the shards."""
        return self._context.partitions("high_scores")

    def part_fn(self, item_key: str) -> int:
        """Route by the name of the shard."""
        return int(item_key)

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "HighScoresShard":
        """Open a shard; Bytewax's resume state is ignored, the topic is the state."""
        return HighScoresShard(self._context, int(for_part), self._restore, self._shards)


class HighScoresShard(StatefulSinkPartition[Candidates, None]):
    """One shard, restored in the background."""

    def __init__(
        self,
        context: FlowContext,
        partition: int,
        restore_shard: Callable[[int], Restored],
        shards: dict[int, Shard],
    ) -> None:
        self._context = context
        self._partition = partition
        self._topics = [context.topic(kind).name for kind in context.settings.tables]
        self._encode = score_codec(context.settings.topics.high_scores.format).encode
        self._sign = context.settings.sign
        self._scores_id = context.topic("scores").id
        self._restore_shard = restore_shard
        self._shards = shards
        self._name = partition_name(partition)
        context.restoring.begin(self._name)
        fenced = context.fencers.submit(context.fenced_writer, f"{self._topics[0]}-{partition}")
        self._restored = context.restorers.submit(self._restore, fenced)
        self._opened: tuple[Writer, Shard] | None = None
        self._counts = list(map(metrics.improvements.labels, context.settings.boards))
        self._news: dict[int, Candidates] = {}  # the last of each partition, until it is opened

    def write_batch(self, values: list[Candidates]) -> None:
        """Fold candidates and write what improves, each with the score's time and origin."""
        for candidates in values:
            if candidates.users or self._opened:
                self._fold(*self._open(), candidates)
            else:  # news of stream time: it waits for nothing, so that shards are restored together
                self._news[candidates.partition] = candidates

    def snapshot(self) -> None:
        """Wait until the broker has this epoch; raises if it has not."""
        writer, shard = self._open()
        metrics.users.labels(self._partition).set(len(shard.tables[""]))
        writer.flush()

    def _open(self) -> tuple[Writer, Shard]:
        """Wait until the shard is restored; then write the repairs of its partition first."""
        if self._opened is None:
            with self._context.watchdog.held():
                writer, restored = self._restored.result()
            writer.write(restored.repairs)
            self._opened = writer, restored.shard
            for news in self._news.values():
                self._fold(writer, restored.shard, news)
        return self._opened

    def _fold(self, writer: Writer, shard: Shard, candidates: Candidates) -> None:
        for topic, board, count in zip(self._topics, shard.boards, self._counts, strict=True):
            records = self._records(topic, board, candidates)
            writer.write(records)
            count.inc(len(records))

    def _records(
        self, topic: str, board: AllTime | ByPeriod, candidates: Candidates
    ) -> list[Record]:
        partition, encode, sign = self._partition, self._encode, self._sign
        sources = len(board.counted.until.keys() | {candidates.partition})
        origin = origin_format(self._scores_id, sources, candidates.partition)
        return [
            (
                topic,
                None if score is None else encode(sign * score),
                period_key(period, user) if period else user,
                partition,
                None,
                None,
                time_ms,
                {ORIGIN: origin % offset},
            )
            for period, user, score, time_ms, offset in board.improvements(candidates)
        ]

    def _restore(self, fenced: Future[Writer]) -> tuple[Writer, Restored]:
        writer = fenced.result()
        restored = self._restore_shard(self._partition)
        self._shards[self._partition] = restored.shard
        return_freed_memory()
        self._context.note_restored(self._name, len(restored.shard.tables[""]))
        return writer, restored

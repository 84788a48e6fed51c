"""The steps of top5: rank each shard's table, and decide when a board is written."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bytewax.operators import StatefulBatchLogic

from conf.settings import Top5
from dataflows.context import FlowContext
from dataflows.kafka.consumer import Deadlines, Pace
from dataflows.kafka.table import TableDecoder
from dataflows.leaderboard import Board, rank_keys
from dataflows.process import return_freed_memory
from dataflows.top5.board import BoardUpdate, ShardTop, merge
from dataflows.top5.ranking import RankedTable, Removal
from dataflows.top5.source import TableBatch

log = logging.getLogger(__name__)

ALL_TIME = "all-time"
PLAYERS_PAUSE_SECONDS = 1.0


class RankTables:
    """Holds the table of each partition that this process reads, and returns its best."""

    def __init__(self, context: FlowContext) -> None:
        self._context = context
        self._tables: dict[int, RankedTable] = {}
        self._decoders: dict[int, TableDecoder] = {}

    def __call__(self, batch: TableBatch) -> Iterator[tuple[str, ShardTop]]:
        """Apply a batch; returns nothing before the table is read to its end.

        From then on it returns a ShardTop for each batch, changed or not: a sink that holds a board
        back, because it shows too little of the table, must know when it shows more.
        """
        if batch.partition not in self._tables:
            self._open(batch.partition)
        table = self._tables[batch.partition]
        self._apply(table, batch)
        if not batch.is_caught_up:
            return
        if not table.is_loaded:
            self._decoders[batch.partition].check_strays()
            table.search()
            return_freed_memory()
        shard = batch.partition, batch.partitions, batch.position
        yield ALL_TIME, ShardTop(*shard, table.best(), len(table), table.pop_removals())

    def _open(self, partition: int) -> None:
        settings, topic = self._context.settings, self._context.topic("high_scores")
        self._tables[partition] = RankedTable(settings.top5.size)
        self._decoders[partition] = TableDecoder(
            topic, partition, settings.topics.high_scores.format
        )

    def _apply(self, table: RankedTable, batch: TableBatch) -> None:
        users, scores, messages = self._decoders[batch.partition].decode(batch.messages)
        times = [message.timestamp()[1] for message in messages]
        keys = rank_keys(scores, times)
        if not table.is_loaded:
            table.load(users, keys)
            return
        for user, key, time_ms in zip(users, keys, times, strict=True):
            if key is None:
                table.remove(user, time_ms)
            else:
                table.put(user, key)


class PaceBoards(StatefulBatchLogic[ShardTop, BoardUpdate, None]):
    """Merges the best of all shards into a board; returns none before all shards have caught up.

    At most `updates_per_second` boards leave, the first after a pause at once, the newest always.
    A board with the rows of the last, but other players or positions, waits for a second.

    Bytewax notifies by the wall clock. Where that is set back, the source wakes this step by a
    batch without messages, at the time in `deadlines`.
    """

    def __init__(self, settings: Top5, deadlines: Deadlines) -> None:
        self._size = settings.size
        rate = settings.updates_per_second
        self._pause = 1 / rate if rate else 0.0  # seconds
        self._changes = Pace(self._pause)
        self._deadlines = deadlines
        self._tops: dict[int, ShardTop] = {}
        self._removals: list[Removal] = []
        self._waiting: Board | None = None
        self._published: Board | None = None
        self._published_at = float("-inf")  # monotonic seconds

    def on_batch(self, values: list[ShardTop]) -> tuple[list[BoardUpdate], bool]:
        """Merge the newest tops of the shards; return the board if it is due."""
        for value in values:
            self._tops[value.shard] = value
            self._removals += value.removals
        if len(self._tops) == values[0].shards:
            if self._published is None and self._waiting is None:
                players = sum(top.players for top in self._tops.values())
                log.info("caught up with %d shards of %d players", len(self._tops), players)
            self._waiting = merge(ALL_TIME, self._size, self._tops.values())
        return self._publish_if_due(), False

    def on_notify(self) -> tuple[list[BoardUpdate], bool]:
        """Return the board that waits, if it is due."""
        return self._publish_if_due(), False

    def on_eof(self) -> tuple[list[BoardUpdate], bool]:
        """Return the newest board before the flow ends."""
        return self._publish(), False

    def notify_at(self) -> datetime | None:
        """Return when the board that waits is due."""
        if self._waiting is None:
            return None
        seconds = self._due_at(self._waiting) - time.monotonic()
        return datetime.now(UTC) + timedelta(seconds=seconds)

    def snapshot(self) -> None:
        """Keep nothing: the next run reads the tables again."""

    def _due_at(self, board: Board) -> float:
        if self._published is None or board.rows != self._published.rows:
            return self._changes.due_at
        return self._published_at + max(self._pause, PLAYERS_PAUSE_SECONDS)

    def _publish_if_due(self) -> list[BoardUpdate]:
        if self._waiting is None:
            return []
        due_at = self._due_at(self._waiting)
        if time.monotonic() >= due_at:
            return self._publish()
        self._deadlines.set("board", due_at)
        return []

    def _publish(self) -> list[BoardUpdate]:
        board, self._waiting = self._waiting, None
        if board is None:
            return []
        self._deadlines.set("board", None)
        removals, self._removals = self._removals, []
        self._published_at = time.monotonic()
        if board != self._published:
            self._published = board
            self._changes.note(self._published_at)
        positions = tuple(self._tops[shard].position for shard in sorted(self._tops))
        return [BoardUpdate(board, removals, positions)]

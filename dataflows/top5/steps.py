"""The steps of top5: rank each shard's tables, and decide when a board is written."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bytewax.operators import StatefulBatchLogic

from conf.settings import Settings, table_kind
from dataflows import metrics
from dataflows.context import FlowContext
from dataflows.kafka.table import TableDecoder, TableRows, board_decoder
from dataflows.leaderboard import Board, rank_keys
from dataflows.pace import Deadlines, Pace
from dataflows.periods import ALL_TIME, Calendar
from dataflows.process import return_freed_memory
from dataflows.top5.board import BoardUpdate, ShardTop, merge
from dataflows.top5.closed import CHECK_SECONDS, ClosedPeriods
from dataflows.top5.ranking import BoardRemoval, RankedTable
from dataflows.top5.source import TableBatch

log = logging.getLogger(__name__)

PLAYERS_PAUSE_SECONDS = 1.0


class RankTables:
    """Holds the tables of each partition that this process reads, and returns their best."""

    def __init__(self, context: FlowContext, calendar: Calendar, closed: ClosedPeriods) -> None:
        self._context = context
        self._calendar = calendar
        self._closed = closed
        self._shards: dict[tuple[str, int], _RankedShard] = {}

    def __call__(self, batch: TableBatch) -> Iterator[tuple[str, ShardTop]]:
        """Apply a batch; returns nothing before the table is read to its end.

        From then on it returns a ShardTop for each batch, changed or not: a sink that holds a board
        back, because it shows too little of the table, must know when it shows more.
        """
        shard = self._shards.get((batch.board, batch.partition)) or self._open(batch)
        changed = shard.apply(batch)
        if not batch.is_caught_up:
            return
        where = batch.partition, batch.partitions, batch.position
        for period, table in changed.items():
            best, removals = table.best(), table.pop_removals()
            top = ShardTop(*where, best, len(table), removals, batch.board, period)
            yield batch.board, top
        if not changed:
            yield batch.board, ShardTop(*where, [], 0, [], batch.board)
        if batch.board == ALL_TIME:
            metrics.users.labels(batch.partition).set(len(shard.tables[""]))
        else:
            self._drop_complete(shard, batch)

    def _open(self, batch: TableBatch) -> "_RankedShard":
        settings, topic = self._context.settings, self._context.topic(table_kind(batch.board))
        decoder = board_decoder(settings, self._calendar, batch.board, topic, batch.partition)
        shard = _RankedShard(settings.top5.size, decoder)
        self._shards[batch.board, batch.partition] = shard
        if batch.board == ALL_TIME:
            shard.tables[""] = RankedTable(settings.top5.size)
        return shard

    def _drop_complete(self, shard: "_RankedShard", batch: TableBatch) -> None:
        for name in list(shard.tables):
            period = self._calendar.find(batch.board, name)
            if period and self._closed.is_complete(period, batch.position, batch.partition):
                shard.drop(name)


class _RankedShard:
    """The tables of one partition of a board's topic: one for each period."""

    def __init__(self, size: int, decoder: TableDecoder) -> None:
        self._size = size
        self._decoder = decoder
        self._is_loaded = False
        self._dropped: set[str] = set()
        self.tables: dict[str, RankedTable] = {}

    def apply(self, batch: TableBatch) -> dict[str, RankedTable]:
        """Apply a batch; returns the tables that have changed, on that of all time always one."""
        changed = {"": self.tables[""]} if "" in self.tables else {}
        for period, rows in self._decoder.decode(batch.messages).items():
            if period not in self._dropped:
                changed[period] = self._apply(period, rows)
        if self._is_loaded or not batch.is_caught_up:
            return changed
        self._is_loaded = True
        self._decoder.check_strays()
        for table in self.tables.values():
            table.search()
        return_freed_memory()
        return self.tables

    def drop(self, period: str) -> None:
        """Forget the table of a period that is over; what may still come for it is ignored."""
        del self.tables[period]
        self._dropped.add(period)

    def _apply(self, period: str, rows: TableRows) -> RankedTable:
        if period not in self.tables:
            self.tables[period] = RankedTable(self._size)
        table = self.tables[period]
        times = [message.timestamp()[1] for message in rows.messages]
        keys = rank_keys(rows.scores, times)
        if not self._is_loaded:
            table.load(rows.users, keys)
            return table
        for user, key, time_ms in zip(rows.users, keys, times, strict=True):
            if key is None:
                table.remove(user, time_ms)
            else:
                table.put(user, key)
        return table


class PaceBoards(StatefulBatchLogic[ShardTop, BoardUpdate, None]):
    """Merges the best of all shards into boards; returns none before all shards have caught up.

    It has one board for each open period. When a period is closed, and everything of it is read,
    its board leaves once more, as final.

    Bytewax notifies by the wall clock. Where that is set back, the source wakes this step by a
    batch without messages, at the time in `deadlines`.
    """

    def __init__(
        self, settings: Settings, calendar: Calendar, closed: ClosedPeriods, deadlines: Deadlines
    ) -> None:
        self._name = ""  # until the first batch
        self._settings = settings
        self._calendar = calendar
        self._closed = closed
        self._deadlines = deadlines
        self._positions: dict[int, int] = {}
        self._shards = 0
        self._boards: dict[str, PacedBoard] = {}

    def on_batch(self, values: list[ShardTop]) -> tuple[list[BoardUpdate], bool]:
        """Merge the newest tops of the shards; return the boards that are due."""
        was_complete, self._name = self._is_complete(), values[0].board
        for value in values:
            self._shards = value.shards
            self._positions[value.shard] = value.position
            if value.period or self._name == ALL_TIME:
                self._board(value.period).put(value)
        if not self._is_complete():
            return [], False
        if not was_complete:
            log.info("caught up with %d shards of %s", self._shards, self._name)
        for board in self._boards.values():
            board.merge()
        return self._publish_due(), False

    def on_notify(self) -> tuple[list[BoardUpdate], bool]:
        """Return the boards that wait, if they are due."""
        return self._publish_due(), False

    def on_eof(self) -> tuple[list[BoardUpdate], bool]:
        """Return the newest boards before the flow ends."""
        return [self._update(board) for board in self._boards.values() if board.is_waiting], False

    def notify_at(self) -> datetime | None:
        """Return when a board that waits is due."""
        due_at = self._due_at()
        if due_at is None:
            return None
        return datetime.now(UTC) + timedelta(seconds=due_at - time.monotonic())

    def snapshot(self) -> None:
        """Keep nothing: the next run reads the tables again."""

    def _is_complete(self) -> bool:
        return 0 < self._shards == len(self._positions)

    def _board(self, period: str) -> "PacedBoard":
        if period not in self._boards:
            self._boards[period] = PacedBoard(self._name, period, self._settings)
        return self._boards[period]

    def _due_at(self) -> float | None:
        """Return when a board is due, or when to look whether a period is closed."""
        due = [board.due_at() for board in self._boards.values() if board.is_waiting]
        if self._name != ALL_TIME and self._boards and self._is_complete():
            due.append(time.monotonic() + CHECK_SECONDS)
        return min(due, default=None)

    def _publish_due(self) -> list[BoardUpdate]:
        final = self._final_boards()
        now = time.monotonic()
        due = [each for each in self._boards.values() if each.is_waiting and now >= each.due_at()]
        updates = [*final, *map(self._update, due)]
        self._deadlines.set(self._name, self._due_at())
        return updates

    def _final_boards(self) -> list[BoardUpdate]:
        """Return the boards of periods that are over, and forget them."""
        if self._name == ALL_TIME or not self._is_complete():
            return []
        periods = filter(None, (self._calendar.find(self._name, name) for name in self._boards))
        over = [
            period.name
            for period in sorted(periods, key=lambda period: period.start)
            if all(
                self._closed.is_complete(period, position, shard)
                for shard, position in self._positions.items()
            )
        ]
        found = []
        for name in over:
            self._boards[name].merge()
            update = self._update(self._boards.pop(name))
            found.append(update._replace(board=update.board._replace(final=True)))
        return found

    def _update(self, board: "PacedBoard") -> BoardUpdate:
        positions = tuple(self._positions[shard] for shard in sorted(self._positions))
        return BoardUpdate(*board.publish(), positions)


class PacedBoard:
    """One board, and when it goes out.

    At most `updates_per_second` boards leave, the first after a pause at once, the newest always.
    A board with the rows of the last, but other players or positions, waits for a second.
    """

    def __init__(self, name: str, period: str, settings: Settings) -> None:
        self._name = name
        self._period = period
        self._size = settings.top5.size
        self._sign = settings.sign
        rate = settings.top5.updates_per_second
        self._pause = 1 / rate if rate else 0.0  # seconds
        self._changes = Pace(self._pause)
        self._tops: dict[int, ShardTop] = {}
        self._removals: list[BoardRemoval] = []
        self._is_changed = False
        self._board: Board | None = None
        self._published: Board | None = None
        self._published_at = float("-inf")  # monotonic seconds
        self.is_waiting = False

    def put(self, top: ShardTop) -> None:
        """Take the newest of a shard."""
        self._tops[top.shard] = top
        self._removals += top.removals
        self._is_changed = True

    def merge(self) -> None:
        """Make the board that waits; where no shard has changed, it shows later positions."""
        self.is_waiting = True
        if self._is_changed or self._board is None:
            self._is_changed = False
            board = merge(self._name, self._size, self._tops.values(), self._sign)
            self._board = board._replace(period=self._period)

    def due_at(self) -> float:
        """Return when the board that waits may go out, in monotonic seconds."""
        if self._published is None or (self._board and self._board.rows != self._published.rows):
            return self._changes.due_at
        return self._published_at + max(self._pause, PLAYERS_PAUSE_SECONDS)

    def publish(self) -> tuple[Board, list[BoardRemoval]]:
        """Return the board, and the removals since the last; both must have been merged."""
        assert self._board is not None  # noqa: S101 - `merge` has made it
        self.is_waiting = False
        removals, self._removals = self._removals, []
        self._published_at = time.monotonic()
        if self._board != self._published:
            self._published = self._board
            self._changes.note(self._published_at)
        return self._board, removals

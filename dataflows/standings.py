"""The steps of top5: the best of each shard from its table, and one board of them all."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bytewax.operators import StatefulBatchLogic
from confluent_kafka import Message

from conf.settings import Format, Top5
from dataflows.leaderboard import Board, News, Removal, Shard, Top, merge, standings
from dataflows.memory import give_back
from dataflows.messages import decode_scores
from dataflows.tables import Tail, decode_bests

ALL_TIME = "all-time"
PLAYERS_PAUSE = timedelta(seconds=1)


class ShardTop(NamedTuple):
    """The best of one of `shards` shards, level with its partition up to `position`."""

    shard: int
    shards: int
    position: int
    top: Top


class Standings:
    """Holds the table of each partition that this process reads, and tells its best."""

    def __init__(self, size: int, form: Format) -> None:
        self._size = size
        self._form = form
        self._shards: dict[int, Shard] = {}
        self._level: set[int] = set()

    def __call__(self, tail: Tail) -> Iterator[tuple[str, ShardTop]]:
        """Take messages of a table; gives nothing before its end was reached once.

        Then it does for each Tail, changed or not: a sink that holds back what has seen too little
        of the table must hear of it when more was seen.
        """
        shard = self._shards.setdefault(tail.partition, Shard(self._size))
        users = [message.key() or b"" for message in tail.messages]
        times = [message.timestamp()[1] for message in tail.messages]
        places = standings(_scores(tail.messages, self._form), times)
        if tail.partition in self._level:
            _follow(shard, zip(users, places, times, strict=True))
        else:
            shard.load(users, places)
            if tail.end is None:
                return
            shard.search()
            give_back()
            self._level.add(tail.partition)
        yield ALL_TIME, ShardTop(tail.partition, tail.partitions, _position(tail), shard.top())


def _position(tail: Tail) -> int:
    last = tail.messages[-1].offset() if tail.messages else None
    return max(tail.end or 0, -1 if last is None else last + 1)


def _follow(shard: Shard, changes: Iterable[tuple[bytes, int | None, int]]) -> None:
    for user, place, time in changes:
        if place is None:
            shard.remove(user, time)
        else:
            shard.put(user, place)


def _scores(messages: list[Message], form: Format) -> list[int | None] | list[int]:
    values = [message.value() for message in messages]
    scores = decode_scores(values, form) if values else []
    return decode_bests(messages, form) if scores is None else scores


class BoardLogic(StatefulBatchLogic[ShardTop, News, None]):
    """Merges the shards' best into a board; says nothing before all shards are level.

    Boards come at most `updates_per_second`, a change of `players` alone or the same board that
    has seen more once a second: the first after a pause at once, and the newest always in the end.
    """

    def __init__(self, settings: Top5) -> None:
        self._size = settings.size
        rate = settings.updates_per_second
        self._pause = timedelta(seconds=1 / rate if rate else 0)
        self._tops: dict[int, ShardTop] = {}
        self._removals: list[Removal] = []
        self._board: Board | None = None  # not given out yet
        self._shown: Board | None = None
        self._shown_at = self._given_at = datetime.min.replace(tzinfo=UTC)

    def on_batch(self, values: list[ShardTop]) -> tuple[list[News], bool]:
        """Take the newest of each shard."""
        for value in values:
            self._tops[value.shard] = value
            self._removals += value.top.removals
        if len(self._tops) == values[0].shards:
            tops = (value.top for value in self._tops.values())
            self._board = merge(ALL_TIME, self._size, tops)
        return self._give_if_due()

    def on_notify(self) -> tuple[list[News], bool]:
        """Give what had to wait."""
        return self._give_if_due()

    def on_eof(self) -> tuple[list[News], bool]:
        """Give the newest board before the flow ends."""
        return self._give(), False

    def notify_at(self) -> datetime | None:
        """Tell when the board that waits is due."""
        return None if self._board is None else self._due_at(self._board)

    def snapshot(self) -> None:
        """Keep nothing: the next run reads the tables again."""

    def _due_at(self, board: Board) -> datetime:
        if self._shown is None or board.rows != self._shown.rows:
            return self._shown_at + self._pause
        return self._given_at + max(self._pause, PLAYERS_PAUSE)

    def _give_if_due(self) -> tuple[list[News], bool]:
        is_due = self._board is not None and datetime.now(UTC) >= self._due_at(self._board)
        return (self._give() if is_due else []), False

    def _give(self) -> list[News]:
        board, self._board = self._board, None
        if board is None:
            return []
        removals, self._removals = self._removals, []
        self._given_at = datetime.now(UTC)
        if board != self._shown:
            self._shown, self._shown_at = board, self._given_at
        positions = tuple(self._tops[shard].position for shard in sorted(self._tops))
        return [News(board, removals, positions)]

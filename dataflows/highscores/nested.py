"""Which tables a score is compared with, before it goes to its shard.

**The nested rule.** A score that does not beat its user's best of the day cannot beat that of the
week, of the month or of all time: the day is part of each of them, they have the same order and the
same tombstones, and are open for as long as the day. So a score is compared with the shortest
period that is open. Weeks and months are not part of each other: without a board by day a score is
compared with both.

The rule holds for tables that have folded the same scores. While scores are read again that some
board has counted before a crash and another has not, they are compared with every table.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, repeat
from operator import gt, or_
from typing import Any, NamedTuple

from confluent_kafka import Message

from dataflows.highscores.fold import Shard
from dataflows.highscores.late import LateScores
from dataflows.highscores.starts import Starts
from dataflows.leaderboard import EARLIEST_MS, NO_SCORE
from dataflows.periods import DAY, LAST_TIME, Calendar, Day, Period

Table = dict[bytes, int]
NO_USERS: Table = {}
FOR_EVER = 2**63


class Scores(NamedTuple):
    """Readable scores of a batch: columns, by offset.

    Where there are boards by period, `times` has the time of each, in ms, and `streams` the stream
    time there.
    """

    users: list[bytes]
    scores: list[int | None]  # None: a tombstone
    messages: list[Message]
    times: Sequence[int] = ()
    streams: Sequence[int] = ()

    def select(self, selectors: Iterable[object]) -> "Scores":
        """Return the scores whose selector is true, in their order."""
        chosen = list(selectors)
        columns: Iterable[Sequence[Any]] = self
        return Scores(*(list(compress(column, chosen)) for column in columns))

    def pick(self, indexes: Sequence[int]) -> "Scores":
        """Return the scores at these indexes, in their order."""
        columns: Iterable[Sequence[Any]] = self
        return Scores(
            *([column[index] for index in indexes] if column else [] for column in columns)
        )

    def made(self) -> Sequence[int]:
        """Return the time of each score, in ms."""
        times = map(Message.timestamp, self.messages)
        return self.times or [max(time, EARLIEST_MS) for _, time in times]


class AllTimeRule:
    """One table for each shard."""

    has_periods = False

    def state(self, _partition: int) -> tuple[int, int]:
        """Return the stream time and the offset up to which a partition is read: of no use here."""
        return 0, -1

    def advance(self, _partition: int, scores: Scores, _read: int) -> tuple[Scores, bool]:
        """Return the scores with their stream times, and whether a period was closed by them."""
        return scores, False

    def may_improve(
        self, shard: Shard, _partition: int, scores: Scores, removed: set[bytes]
    ) -> list[bool]:
        """Tell of each score whether it may improve a shard; `removed` users pass."""
        table = shard.tables.get("", NO_USERS)
        if not removed:
            return _beat(table, scores)
        bests = map(table.get, scores.users, repeat(NO_SCORE))
        return [
            score is None or user in removed or score > best
            for user, score, best in zip(scores.users, scores.scores, bests, strict=True)
        ]


class NestedRule:
    """A table for each open period too."""

    has_periods = True

    def __init__(self, calendar: Calendar, starts: Starts) -> None:
        self._calendar = calendar
        self._starts = starts
        self._late = LateScores(calendar)
        self._oldest: dict[int, int] = {}  # by partition: what is before it is late on some board
        self._read: dict[int, int] = {}  # by partition: the last offset

    def state(self, partition: int) -> tuple[int, int]:
        """Return the stream time of a partition, and the offset up to which it is read.

        That is -1 of an empty partition, and less of one that is read again and has not begun: it
        may have scores of every period.
        """
        start = self._starts.of(partition)
        if partition in self._read or self._starts.has_scores(partition):
            return start.stream.now, self._read.get(partition, start.offset - 1)
        return 0, -1

    def advance(self, partition: int, scores: Scores, read: int) -> tuple[Scores, bool]:
        """Return the scores with their stream times, and whether a period was closed by them.

        `read` is the offset of the last message of their batch.
        """
        self._read[partition] = read
        made = times = scores.made()
        if None in scores.scores:
            times = [
                0 if score is None else time
                for score, time in zip(scores.scores, made, strict=True)
            ]
        stream = self._starts.of(partition).stream
        scores = scores._replace(times=made, streams=stream.advance(scores.users, times))
        find = self._calendar.oldest_open
        oldest = max(find(board, stream.now).start for board in self._calendar.boards)
        if min(times, default=oldest) < oldest:
            self._late.note(partition, times, scores.streams)
        is_closed = self._oldest.get(partition, 0) != oldest
        self._oldest[partition] = oldest
        return scores, is_closed

    def may_improve(
        self, shard: Shard, partition: int, scores: Scores, removed: set[bytes]
    ) -> list[bool]:
        """Tell of each score whether it may improve a shard; `removed` users pass."""
        if not scores.users:
            return []
        times = scores.times
        is_replay = (scores.messages[0].offset() or 0) <= shard.replayed.get(partition, -1)
        day = self._calendar.day(min(*times, LAST_TIME - 1))
        is_one_day = max(times) < day.end and max(scores.streams) < day.closes_at
        if is_one_day and not is_replay and not removed:
            first, *others = self._tables(shard.tables, day.periods)
            found = _beat(first, scores)
            for table in others:
                found = list(map(or_, found, _beat(table, scores)))
            return found
        return list(self._each_may_improve(shard.tables, scores, removed, is_replay=is_replay))

    def _each_may_improve(
        self, tables: dict[str, Table], scores: Scores, removed: set[bytes], *, is_replay: bool
    ) -> Iterator[bool]:
        start = end = since = until = 0
        chosen: list[Table] = []
        for user, score, time, stream in zip(
            scores.users, scores.scores, scores.times, scores.streams, strict=True
        ):
            if not (start <= time < end and since <= stream < until):
                periods = self._open(time, stream)
                chosen = self._tables(tables, periods, each=is_replay)
                start, end, until = _valid(self._calendar, time, periods)
                # The first user of a partition may have a later stream time than the others.
                since = stream
            yield (
                score is None
                or user in removed
                or score > min([table.get(user, NO_SCORE) for table in chosen])
            )

    def _open(self, time: int, stream: int) -> list[Period]:
        return [each for each in self._calendar.periods(time) if each.closes_at > stream]

    def _tables(
        self, tables: dict[str, Table], periods: Sequence[Period], *, each: bool = False
    ) -> list[Table]:
        """Return the tables that a score of these open periods is compared with."""
        names = [period.name for period in periods]
        if each or not periods:
            names.append("")
        elif periods[0].board == DAY:
            names = names[:1]
        return [tables.get(name, NO_USERS) for name in names]


def _beat(table: Table, scores: Scores) -> list[bool]:
    bests = map(table.get, scores.users, repeat(NO_SCORE))
    return list(map(gt, scores.scores, bests))  # type: ignore[arg-type]  # no tombstone is there


def _valid(calendar: Calendar, time: int, open_periods: Sequence[Period]) -> tuple[int, int, int]:
    """Return for which times, and until which stream time, the same periods are open."""
    until = min((period.closes_at for period in open_periods), default=FOR_EVER)
    if time >= LAST_TIME:
        return LAST_TIME, FOR_EVER, until
    day: Day = calendar.day(time)
    return day.start, day.end, until

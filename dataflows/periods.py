"""The periods of the boards: days, ISO weeks and months of a time zone; pure.

A period begins at midnight of the zone, daylight saving included. Scores belong to periods by their
own time, never by a clock. Times are milliseconds since the epoch.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dataflows.leaderboard import EARLIEST_MS

ALL_TIME, DAY, WEEK, MONTH = "all-time", "day", "week", "month"
BOARDS = (ALL_TIME, DAY, WEEK, MONTH)

LAST_TIME = 253_370_764_800_000  # of the calendar here: the beginning of the year 9999
YEAR_MS = 366 * 24 * 3600 * 1000
HOUR_MS = 3600 * 1000
KEPT_DAYS = 1_000

_PATTERNS = {
    DAY: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    WEEK: re.compile(r"[0-9]{4}-W[0-9]{2}"),
    MONTH: re.compile(r"[0-9]{4}-[0-9]{2}"),
}


class Period(NamedTuple):
    """A period of a board, from `start` to before `end`; final at the stream time `closes_at`."""

    board: str
    name: str
    start: int
    end: int
    closes_at: int


NO_PERIOD = Period("", "", 0, 0, 0)  # closed, and without any time


class Day(NamedTuple):
    """A day, from `start` to before `end`, and the periods that it is part of, itself first."""

    start: int
    end: int
    periods: tuple[Period, ...]
    closes_at: int  # of the first of them


class Calendar:
    """The periods that a score counts in.

    Args:
        boards: The names of the boards.
        zone: The IANA name of the time zone.
        late_hours: How long, in stream time, a period stays open after its end.
    """

    def __init__(self, boards: Iterable[str], zone: str, late_hours: float) -> None:
        self.boards = tuple(board for board in BOARDS[1:] if board in set(boards))
        self.zone = ZoneInfo(zone)
        self._late_ms = int(late_hours * HOUR_MS)
        self._starts: list[int] = []
        self._days: list[Day] = []
        self._found: dict[tuple[str, str], Period] = {}

    def periods(self, time: int) -> tuple[Period, ...]:
        """Return the periods of a time, days first; none for a time beyond the year 9998."""
        if not self.boards or time >= LAST_TIME:
            return ()
        return self.day(time).periods

    def day(self, time: int) -> Day:
        """Return the day of a time before the year 9999, with the periods that it is part of."""
        index = bisect_right(self._starts, time) - 1
        if index >= 0 and time < self._days[index].end:
            return self._days[index]
        if len(self._days) >= KEPT_DAYS:
            self._starts, self._days = [], []
        found = self._make_day(time)
        index = bisect_right(self._starts, found.start)
        self._starts.insert(index, found.start)
        self._days.insert(index, found)
        return found

    def find(self, board: str, name: str) -> Period | None:
        """Return a period by its name, None where the board has no such period."""
        found = self._found.get((board, name))
        if found is None:
            if not _PATTERNS[board].fullmatch(name):
                return None
            try:
                found = self._make(board, _first_day(board, name))
            except (ValueError, OverflowError):
                return None
            if len(self._found) >= KEPT_DAYS:
                self._found.clear()
            self._found[board, name] = found
        return found

    def oldest_open(self, board: str, stream: int) -> Period:
        """Return the first period of a board that is not closed at a stream time."""
        return self.current(board, max(EARLIEST_MS, min(stream - self._late_ms, LAST_TIME - 1)))

    def current(self, board: str, now: int) -> Period:
        """Return the period of a board at a time before the year 9999."""
        return self._make(board, self._date(now))

    def before(self, period: Period) -> Period:
        """Return the period before one."""
        return self._make(period.board, self._date(period.start) - timedelta(days=1))

    def _make_day(self, time: int) -> Day:
        day = self._date(time)
        periods = tuple(self._make(board, day) for board in self.boards)
        start, end = self._midnight(day), self._midnight(day + timedelta(days=1))
        return Day(start, end, periods, min(period.closes_at for period in periods))

    def _make(self, board: str, day: date) -> Period:
        first, after = _bounds(board, day)
        end = self._midnight(after)
        return Period(board, _name(board, first), self._midnight(first), end, end + self._late_ms)

    def _date(self, time: int) -> date:
        return datetime.fromtimestamp(time / 1000, self.zone).date()

    def _midnight(self, day: date) -> int:
        """Return when a day begins; where its midnight is left out, at the first moment after."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return int(midnight.astimezone(UTC).timestamp() * 1000)


def _bounds(board: str, day: date) -> tuple[date, date]:
    """Return the first day of the period of a day, and the first day after it."""
    if board == DAY:
        return day, day + timedelta(days=1)
    if board == WEEK:
        first = day - timedelta(days=day.weekday())
        return first, first + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def _name(board: str, first: date) -> str:
    if board == DAY:
        return first.isoformat()
    if board == WEEK:
        year, week, _ = first.isocalendar()
        return f"{year:04d}-W{week:02d}"
    return f"{first.year:04d}-{first.month:02d}"


def _first_day(board: str, name: str) -> date:
    if board == DAY:
        return date.fromisoformat(name)
    if board == WEEK:
        year, _, week = name.partition("-W")
        return date.fromisocalendar(int(year), int(week), 1)
    return date.fromisoformat(f"{name}-01")

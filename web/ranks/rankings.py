"""The rankings of all boards, written by the reader of the tables, read on the event loop."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from conf.settings import Settings
from dataflows.periods import ALL_TIME, Calendar
from web.clock import now_ms
from web.ranks.ranking import Ranking

LOCKED = 50  # changes at once: the event loop waits about a millisecond for them, at most

OFF = "this server keeps no ranks: its setting web.ranks is false"
NOT_READY = "the ranks are not read yet: "
NOT_KEPT = "only the current and the last period have ranks"
NO_PERIODS = "that board has no periods"


class Change(NamedTuple):
    """A message of the table of a board; the rank key None stands for a tombstone."""

    board: str
    period: str  # "" of all time
    user: bytes
    rank_key: int | None


class NotRanked(LookupError):  # noqa: N818 - what is asked for
    """There is no such ranking; `is_temporary` where there may be one in a moment."""

    def __init__(self, text: str, *, is_temporary: bool = False) -> None:
        super().__init__(text)
        self.is_temporary = is_temporary


class NoScore(NotRanked):
    """A user has no score in a ranking."""


class Ranked(NamedTuple):
    """A ranking, and which moment of its table it shows."""

    board: str
    period: str
    ranking: Ranking
    positions: str  # of the table, as `id:offset,offset`


class Rankings:
    """For each board the ranking of its current period, of the one before, and of later ones.

    They are as large as the tables. The reader calls `reset`, `load`, `build`, and then `apply` and
    `drop_old`, all in one thread. Everything else may be called on the event loop.

    Args:
        settings: Those of the boards.
        now: Returns the time that decides which periods are current, in ms since the epoch.
    """

    def __init__(self, settings: Settings, now: Callable[[], int] = now_ms) -> None:
        self._now = now
        self._is_on = settings.web.ranks
        self._boards = settings.boards
        self._sign = settings.sign
        self._calendar = Calendar(settings.boards, settings.time_zone, settings.late_hours)
        self._lock = threading.Lock()
        self._rankings: dict[tuple[str, str], Ranking] = {}
        self._positions: Mapping[str, str] = {}  # by board
        self._version = 0  # grows with every change
        self.not_ready = "the reader of the tables has not started"  # "" once everything is read

    def oldest(self, board: str) -> int:
        """Return when the oldest period that is kept begins, in ms; 0 for all time."""
        if board == ALL_TIME:
            return 0
        return self._calendar.before(self._calendar.current(board, self._now())).start

    def is_kept(self, board: str, period: str) -> bool:
        """Return whether a board has such a period, and it is not too old."""
        if board == ALL_TIME:
            return not period
        found = self._calendar.find(board, period)
        return found is not None and found.start >= self.oldest(board)

    def reset(self) -> Iterator[None]:
        """Forget everything, in short steps."""
        with self._lock:
            self.not_ready = "the tables are being read"
            dropped, self._rankings = self._rankings, {}
        for ranking in dropped.values():
            yield from ranking.clear()

    def drop_old(self) -> Iterator[None]:
        """Forget the periods that have become too old, in short steps."""
        for key in [key for key in self._rankings if not self.is_kept(*key)]:
            with self._lock:
                dropped = self._rankings.pop(key)
            yield from dropped.clear()

    def load(self, changes: Sequence[Change]) -> None:
        """Apply messages, in their order, before `build`."""
        for board, period, user, rank_key in changes:
            self._ranking(board, period).load(user, rank_key)

    def build(self) -> Iterator[None]:
        """Bring everything that is loaded into order, in short steps."""
        for ranking in list(self._rankings.values()):
            yield from ranking.build()

    def apply(self, changes: Sequence[Change], positions: Mapping[str, str]) -> None:
        """Apply messages (only after `build`), and note which positions the rankings show."""
        for start in range(0, len(changes), LOCKED):
            with self._lock:
                for board, period, user, rank_key in changes[start : start + LOCKED]:
                    self._ranking(board, period).put(user, rank_key)
        with self._lock:
            self._positions = positions
            self._version += 1

    @contextmanager
    def open(self, board: str, period: str = "") -> Iterator[Ranked]:
        """Give access to a ranking while its lock is held; "" is the current period.

        Do not await inside the `with`.

        Raises:
            NotRanked: There is none.
        """
        with self._lock:
            self._check(board)
            period = period or self.current(board)
            if not self.is_kept(board, period):
                reason = NO_PERIODS if board == ALL_TIME else NOT_KEPT
                msg = f"there are no ranks of {board}/{period}: {reason}"
                raise NotRanked(msg)
            ranking = self._rankings.get((board, period)) or Ranking(self._sign)
            yield Ranked(board, period, ranking, self._positions.get(board, ""))

    def current(self, board: str) -> str:
        """Return the current period of a board, "" of all time, by the clock."""
        return "" if board == ALL_TIME else self._calendar.current(board, self._now()).name

    def moment(self, board: str) -> tuple[int, str, str]:
        """Return what changes whenever the ranks of the current period may have changed."""
        return self._version, self.not_ready, self.current(board)

    def sizes(self) -> dict[tuple[str, str], int]:
        """Return the number of users by board and period; any thread may ask."""
        with self._lock:
            return {key: len(ranking) for key, ranking in list(self._rankings.items())}

    def _check(self, board: str) -> None:
        if board not in self._boards:
            msg = f"there is no board {board}: the boards are {', '.join(self._boards)}"
            raise NotRanked(msg)
        if not self._is_on:
            raise NotRanked(OFF)
        if self.not_ready:
            raise NotRanked(NOT_READY + self.not_ready, is_temporary=True)

    def _ranking(self, board: str, period: str) -> Ranking:
        found = self._rankings.get((board, period))
        if found is None:
            found = self._rankings[board, period] = Ranking(self._sign)
        return found

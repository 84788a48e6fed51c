"""The rules of the leaderboard, pure: scores, and their order.

Users are UTF-8 bytes, scores int64, times milliseconds since the epoch. The greatest score ranks
first; of equal scores the earliest; of equal times the first user by bytes. Ranks are not shared.
Where the lowest score is the best, the flows compute with negated scores.
"""

from collections.abc import Iterable
from typing import NamedTuple

LOWEST = -(2**63)  # of int64
HIGHEST = 2**63 - 1
NO_SCORE = LOWEST - 1  # any score beats it, negated or not
EARLIEST_MS = 1  # milliseconds; a time of 0 or below counts as this one

_TIME_BITS = 64


class Row(NamedTuple):
    """A row of a board. Ranks start at 1."""

    rank: int
    user: str
    score: int
    time: int


class Board(NamedTuple):
    """A board as it is published.

    `players` counts all users with a score; `updated` is the time of the change that made the rows
    what they are, 0 before the first. A `period` that is `final` changes no more; the board of all
    time has none.
    """

    board: str
    players: int
    updated: int
    rows: tuple[Row, ...]
    period: str = ""
    final: bool = False

    @property
    def key(self) -> str:
        """Name the board and its period, as the key of its messages does."""
        return f"{self.board}/{self.period}" if self.period else self.board


def rank_keys(scores: Iterable[int | None], times: Iterable[int]) -> list[int | None]:
    """Pack columns of scores and times into rank keys; None stands for a tombstone.

    A smaller key ranks first; users with equal keys rank by their bytes. One integer a user is what
    a table of millions can afford.
    """
    return [
        None if score is None else (-score << _TIME_BITS) + max(time, EARLIEST_MS)
        for score, time in zip(scores, times, strict=True)
    ]


def row(rank: int, rank_key: int, user: bytes, sign: int = 1) -> Row:
    """Unpack a rank key into the row at `rank`; `sign` is -1 where scores were negated."""
    score, time = -(rank_key >> _TIME_BITS), rank_key & (2**_TIME_BITS - 1)
    return Row(rank, user.decode(), sign * score, time)

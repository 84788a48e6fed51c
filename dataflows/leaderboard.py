"""The rules of the leaderboard, pure: scores, and their order.

Users are UTF-8 bytes, scores int64, times milliseconds since the epoch. The highest score ranks
first; of equal scores the earliest; of equal times the first user by bytes. Ranks are not shared.
"""

from collections.abc import Iterable
from typing import NamedTuple

LOWEST = -(2**63)  # of int64
HIGHEST = 2**63 - 1
NO_SCORE = LOWEST - 1  # any score beats it
EARLIEST = 1  # milliseconds; a time of 0 or below counts as this one

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
    what they are, 0 before the first.
    """

    board: str
    players: int
    updated: int
    rows: tuple[Row, ...]


def rank_keys(scores: Iterable[int | None], times: Iterable[int]) -> list[int | None]:
    """Pack columns of scores and times into rank keys; None stands for a tombstone.

    A smaller key ranks first; users with equal keys rank by their bytes. One integer a user is what
    a table of millions can afford.
    """
    return [
        None if score is None else (-score << _TIME_BITS) + max(time, EARLIEST)
        for score, time in zip(scores, times, strict=True)
    ]


def row(rank: int, rank_key: int, user: bytes) -> Row:
    """Unpack a rank key into the row at `rank`."""
    score, time = -(rank_key >> _TIME_BITS), rank_key & (2**_TIME_BITS - 1)
    return Row(rank, user.decode(), score, time)

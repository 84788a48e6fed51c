"""All rules of the leaderboard, pure: what improves, who ranks before whom, what a board shows.

Nothing here knows of Bytewax, Kafka or the web. Users are UTF-8 bytes, scores int64, times
milliseconds since the epoch, at least 1.
"""

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from typing import NamedTuple

LOWEST = -(2**63)  # of int64
HIGHEST = 2**63 - 1
NO_SCORE = LOWEST - 1  # any score beats it
EARLIEST = 1  # a time of 0 or below counts as this one

_TIME_BITS = 64


class Candidates(NamedTuple):
    """Scores of one partition of `scores` that may improve one shard, in columns, by offset."""

    partition: int
    users: list[bytes]
    scores: list[int | None]  # None: a tombstone
    times: list[int]
    offsets: list[int]


class Bests(NamedTuple):
    """The best score of each user of the shards that this process holds."""

    scores: dict[bytes, int]
    shards: set[int]


Improvement = tuple[bytes, int | None, int, int]
"""A user, the new best score or None where a tombstone removed the user, its time and offset."""


def improvements(
    best: dict[bytes, int], counted: dict[int, int], candidates: Candidates
) -> Iterator[Improvement]:
    """Fold candidates into `best` and yield what improved, in their order.

    Args:
        best: Score of each user; changed as the improvements are taken.
        counted: Offset of the last improvement from each partition of `scores`. What stands at or
            before it was folded by an earlier run and is skipped, so a replay yields nothing twice.
        candidates: Of one partition, in the order of their offsets.

    Yields:
        A score strictly greater than the user's best, or a tombstone of a user who was there.
    """
    partition, *columns = candidates
    last = counted.get(partition, -1)
    for user, score, time, offset in zip(*columns, strict=True):
        if offset <= last:
            continue
        if score is None:
            if best.pop(user, None) is None:
                continue
        elif score > best.get(user, NO_SCORE):
            best[user] = score
        else:
            continue
        counted[partition] = offset
        yield user, score, time, offset


class Row(NamedTuple):
    """One place of a board. Ranks start at 1 and are never shared."""

    rank: int
    user: str
    score: int
    time: int


class Board(NamedTuple):
    """A board as it is published.

    `players` counts all users with a score, `updated` is the largest time of a score or a tombstone
    that changed the rows, 0 before the first.
    """

    board: str
    players: int
    updated: int
    rows: tuple[Row, ...]


class Place(NamedTuple):
    """A user's place in the order of a board: places sort best first.

    `standing` is the score and the time in one integer, negated: highest score first, then earliest
    time. One integer a user is what a table of millions can afford.
    """

    standing: int
    user: bytes


def standings(scores: Iterable[int | None], times: Iterable[int]) -> list[int | None]:
    """Pack columns of scores and times in ms, a smaller integer ranks first; None: a tombstone."""
    return [
        None if score is None else (-score << _TIME_BITS) + max(time, EARLIEST)
        for score, time in zip(scores, times, strict=True)
    ]


def row(rank: int, place: Place) -> Row:
    """Unpack a place as the row at `rank`."""
    score, time = -(place.standing >> _TIME_BITS), place.standing & (2**_TIME_BITS - 1)
    return Row(rank, place.user.decode(), score, time)


class Removal(NamedTuple):
    """A user who left by a tombstone of that time."""

    user: bytes
    time: int


class Top(NamedTuple):
    """The best of one shard.

    `places` are its best, at most a board's size, best first. `removals` are the users that a
    tombstone took out of the best since the last Top.
    """

    places: list[Place]
    players: int
    removals: list[Removal]


class Shard:
    """A table of users and its best places, kept as the table changes.

    Between the board's size and twice its reserve of candidates are kept in view, and every user
    out of view ranks behind all of them: a removal takes the next from the reserve, and only when
    the reserve runs out is the table searched.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._reserve = max(64, 4 * size)
        self._table: dict[bytes, int] = {}
        self._view: dict[bytes, int] = {}
        self._last: Place | None = None  # of the view; None: the view is the whole table
        self._removals: list[Removal] = []

    def load(self, users: Iterable[bytes], standings: Iterable[int | None]) -> None:
        """Take messages of a table that is still being read; `search` must follow."""
        changes = dict(zip(users, standings, strict=True))
        self._table.update((user, place) for user, place in changes.items() if place is not None)
        for user in (user for user, place in changes.items() if place is None):
            self._table.pop(user, None)

    def search(self) -> None:
        """Find the best of the whole table; one pass over it."""
        best = nsmallest(self._reserve, map(_place, self._table.items()))
        self._view = {place.user: place.standing for place in best}
        self._last = best[-1] if len(best) < len(self._table) else None

    def put(self, user: bytes, standing: int) -> None:
        """Set the standing of a user, better or worse than before."""
        self._table[user] = standing
        if self._last is None or (standing, user) <= self._last:
            self._view[user] = standing
            if len(self._view) > 2 * self._reserve:
                self._narrow(self._reserve)
        elif self._view.pop(user, None) is not None:
            self._refill()

    def remove(self, user: bytes, time: int) -> None:
        """Forget a user; unknown ones are ignored."""
        if user in self._view and any(user == place.user for place in self._best()):
            self._removals.append(Removal(user, time))
        self._table.pop(user, None)
        if self._view.pop(user, None) is not None:
            self._refill()

    def top(self) -> Top:
        """Give the best places and the removals since the last call."""
        removals, self._removals = self._removals, []
        return Top(self._best(), len(self._table), removals)

    def _best(self) -> list[Place]:
        return nsmallest(self._size, map(_place, self._view.items()))

    def _narrow(self, count: int) -> None:
        best = nsmallest(count, map(_place, self._view.items()))
        self._view = {place.user: place.standing for place in best}
        self._last = best[-1]

    def _refill(self) -> None:
        if len(self._view) < self._size and self._last is not None:
            self.search()


def _place(item: tuple[bytes, int]) -> Place:
    user, standing = item
    return Place(standing, user)


class News(NamedTuple):
    """A board, the removals since the one before it, and what it has seen of the table.

    `positions` are the offsets of each shard's partition that it is level with.
    """

    board: Board
    removals: list[Removal]
    positions: tuple[int, ...]


def merge(name: str, size: int, tops: Iterable[Top]) -> Board:
    """Merge the best of all shards into one board; `updated` is that of its rows."""
    tops = list(tops)
    places = nsmallest(size, (place for top in tops for place in top.places))
    rows = tuple(row(rank, place) for rank, place in enumerate(places, 1))
    players = sum(top.players for top in tops)
    return Board(name, players, max((row.time for row in rows), default=0), rows)


def succeed(last: Board | None, board: Board, removals: Iterable[Removal] = ()) -> Board:
    """Date a board by what changed its rows since the last one.

    Equal to the last one where nothing changed, so that it need not be published again. Where rows
    only left and nobody saw when, as at a start, it keeps the date.
    """
    if last is None:
        return board
    if board.rows == last.rows:
        return board._replace(updated=last.updated)
    shown = {row.user.encode(): (row.score, row.time) for row in last.rows}
    left = [removal.time for removal in removals if removal.user in shown]
    came = [row.time for row in board.rows if shown.get(row.user.encode()) != row[2:]]
    return board._replace(updated=max([last.updated, *left, *came]))

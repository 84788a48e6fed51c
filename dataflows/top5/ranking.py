"""The users of one shard in the order of a board, pure."""

from collections.abc import Iterable
from heapq import nsmallest
from typing import NamedTuple


class RankedUser(NamedTuple):
    """A user and the rank key; they sort as on a board, the best first."""

    rank_key: int
    user: bytes


class BoardRemoval(NamedTuple):
    """A user who was removed by a tombstone of that time, in ms."""

    user: bytes
    time: int


class RankedTable:
    """A table of users, and its best, kept as the table changes.

    It keeps the leaders: at least as many as a board has rows, at most twice the reserve, and every
    other user ranks behind all of them. A removal takes the next from the leaders, and only when
    they run out is the whole table searched.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._reserve = max(64, 4 * size)
        self._table: dict[bytes, int] = {}
        self._leaders: dict[bytes, int] = {}
        self._last: RankedUser | None = None  # of the leaders; None: they are the whole table
        self._removals: list[BoardRemoval] = []

    def __len__(self) -> int:
        """Count the users."""
        return len(self._table)

    def load(self, users: Iterable[bytes], rank_keys: Iterable[int | None]) -> None:
        """Apply messages of a table that is being read; `search` must follow the last."""
        changes = dict(zip(users, rank_keys, strict=True))
        self._table.update((user, key) for user, key in changes.items() if key is not None)
        for user in (user for user, key in changes.items() if key is None):
            self._table.pop(user, None)

    def search(self) -> None:
        """Find the leaders, in one pass over the table."""
        found = nsmallest(self._reserve, map(_ranked, self._table.items()))
        self._leaders = {each.user: each.rank_key for each in found}
        self._last = found[-1] if len(found) < len(self._table) else None

    def put(self, user: bytes, rank_key: int) -> None:
        """Set the rank key of a user, better or worse than before."""
        self._table[user] = rank_key
        if self._last is None or (rank_key, user) <= self._last:
            self._leaders[user] = rank_key
            if len(self._leaders) > 2 * self._reserve:
                self._narrow()
        elif self._leaders.pop(user, None) is not None:
            self._refill()

    def remove(self, user: bytes, time: int) -> None:
        """Remove a user; unknown ones are ignored."""
        if user in self._leaders and any(user == each.user for each in self.best()):
            self._removals.append(BoardRemoval(user, time))
        self._table.pop(user, None)
        if self._leaders.pop(user, None) is not None:
            self._refill()

    def best(self) -> list[RankedUser]:
        """Return the best, at most as many as a board has rows, the best first."""
        return nsmallest(self._size, map(_ranked, self._leaders.items()))

    def pop_removals(self) -> list[BoardRemoval]:
        """Return who was removed from the best since the last call."""
        removals, self._removals = self._removals, []
        return removals

    def _narrow(self) -> None:
        found = nsmallest(self._reserve, map(_ranked, self._leaders.items()))
        self._leaders = {each.user: each.rank_key for each in found}
        self._last = found[-1]

    def _refill(self) -> None:
        if len(self._leaders) < self._size and self._last is not None:
            self.search()


def _ranked(item: tuple[bytes, int]) -> RankedUser:
    user, rank_key = item
    return RankedUser(rank_key, user)

"""All users of one period of a board in their order; pure.

A million users take about 220 MB and a rank 5 µs. No call holds the interpreter's lock for more
than a few milliseconds, however many users there are: what would take longer is a generator of
short steps, and the users are in many dicts, since a dict that grows is copied at once.
"""

from collections.abc import Iterator
from heapq import merge
from itertools import islice

from sortedcontainers import SortedList

from dataflows.leaderboard import Row, row

SHARDS = 64  # dicts of users
STEP = 300  # users in one step

Pair = tuple[int, bytes]  # a rank key and its user; they sort as on a board


class Ranking:
    """Users and their ranks. `load` comes before `build`, everything else after it.

    Args:
        sign: -1 where scores were negated, since the lowest is the best.
    """

    def __init__(self, sign: int = 1) -> None:
        self._sign = sign
        self._rank_keys: list[dict[bytes, int]] = [{} for _ in range(SHARDS)]
        self._order: SortedList[Pair] = SortedList()

    def __len__(self) -> int:
        """Count the users."""
        return len(self._order)

    def load(self, user: bytes, rank_key: int | None) -> None:
        """Apply a message of a table that is being read; None stands for a tombstone."""
        users = self._users(user)
        if rank_key is None:
            users.pop(user, None)
        else:
            users[user] = rank_key

    def build(self) -> Iterator[None]:
        """Bring the users that are loaded into order, in short steps."""
        chunks = []
        for users in self._rank_keys:
            pairs = ((rank_key, user) for user, rank_key in users.items())
            while chunk := sorted(islice(pairs, STEP), reverse=True):
                chunks.append(chunk)
                yield
        for count, pair in enumerate(merge(*map(_drain, chunks))):
            self._order.add(pair)
            if count % STEP == 0:
                yield

    def clear(self) -> Iterator[None]:
        """Free the memory, in short steps: to free all of it at once takes half a second."""
        for users in self._rank_keys:
            for user in list(users):
                del users[user]
            yield
        while self._order:
            for _ in range(min(STEP, len(self._order))):
                self._order.pop()
            yield

    def put(self, user: bytes, rank_key: int | None) -> None:
        """Apply a message of the table; None stands for a tombstone."""
        old = self._users(user).get(user)
        if old is not None:
            self._order.remove((old, user))
        self.load(user, rank_key)
        if rank_key is not None:
            self._order.add((rank_key, user))

    def find(self, user: bytes) -> Row | None:
        """Return the row of a user, None without a score."""
        rank_key = self._users(user).get(user)
        if rank_key is None:
            return None
        rank = self._order.bisect_left((rank_key, user)) + 1
        return row(rank, rank_key, user, self._sign)

    def rows(self, first: int, count: int) -> list[Row]:
        """Return at most `count` rows, from the rank `first` on."""
        pairs = self._order.islice(first - 1, first - 1 + count)
        return [row(rank, *pair, self._sign) for rank, pair in enumerate(pairs, first)]

    def around(self, rank: int, distance: int) -> list[Row]:
        """Return the row at a rank, and those at most this distance above and below it."""
        first = max(1, rank - distance)
        return self.rows(first, rank + distance - first + 1)

    def _users(self, user: bytes) -> dict[bytes, int]:
        return self._rank_keys[hash(user) % SHARDS]


def _drain(chunk: list[Pair]) -> Iterator[Pair]:
    """Yield from the end, and free what is yielded."""
    while chunk:
        yield chunk.pop()

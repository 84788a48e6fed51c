"""What becomes of a posted score, for those who wait: asyncio alone, no Kafka.

The proof that a score is a new best is the user's message on `high-scores` with its origin. That it
is counted and none is known once the flow has committed a position beyond it, since it writes
before it commits, and all that was written by then has been read.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, NamedTuple

from dataflows.leaderboard import Board
from web.live.feeds import Feeds

Outcome = Literal["top", "best", "counted", "received"]
OUTCOMES: tuple[Outcome, ...] = ("top", "best", "counted", "received")

SEEN = 100  # messages of one user that are remembered until the score's place is known


class Receipt(NamedTuple):
    """Where a score stands on `scores`."""

    partition: int
    offset: int


class Best(NamedTuple):
    """A message of `high-scores`: the user, the score's place on `scores`, the score, its time."""

    user: bytes
    place: Receipt
    score: int
    time: int


class PendingScore:
    """One score of a user that somebody waits for, from before it is written."""

    def __init__(self, user: bytes) -> None:
        self.user = user
        self.receipt: Receipt | None = None
        self._level: tuple[int, int] | None = None
        self._seen: deque[Best] = deque(maxlen=SEEN)
        self._best: asyncio.Future[Best | None] = asyncio.get_running_loop().create_future()

    def is_open(self) -> bool:
        """Say whether it is written and nobody knows yet what became of it."""
        return self.receipt is not None and not self._best.done()

    def written(self, receipt: Receipt) -> None:
        """Take its place on `scores`."""
        self.receipt = receipt
        self._judge()

    def see(self, best: Best) -> None:
        """Take a message of its user."""
        self._seen.append(best)
        self._judge()

    def passed(self, shard: int, end: int) -> None:
        """Take that the flow has passed it, and where the user's shard ended after that."""
        self._level = self._level or (shard, end)

    def read(self, read_to: Mapping[int, int]) -> None:
        """Take how far each partition of `high-scores` is read."""
        if self._level is not None and read_to[self._level[0]] >= self._level[1]:
            self._settle(None)

    def give_up(self) -> None:
        """Let nobody wait any longer."""
        self._best.cancel()

    async def best(self, seconds: float) -> Best | None:
        """Wait for its message on `high-scores`; None if it is counted and has none.

        Raises:
            TimeoutError: Nobody knows.
        """
        try:
            return await asyncio.wait_for(asyncio.shield(self._best), seconds)
        except asyncio.CancelledError:
            if self._best.cancelled():
                raise TimeoutError from None
            raise

    def _judge(self) -> None:
        if self.receipt is None:
            return
        partition, offset = self.receipt
        for seen in self._seen:
            if seen.place.partition == partition and seen.place.offset >= offset:
                self._settle(seen if seen.place == self.receipt else None)

    def _settle(self, best: Best | None) -> None:
        if not self._best.done():
            self._best.set_result(best)


async def outcome(expected: PendingScore, feeds: Feeds, size: int, seconds: float) -> Outcome:
    """Wait up to `seconds` for what becomes of a score that is written.

    Args:
        expected: The score.
        feeds: What is shown.
        size: Rows of the board.
        seconds: To wait, at most.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        best = await expected.best(seconds)
    except TimeoutError:
        return "received"
    if best is None:
        return "counted"
    user = expected.user.decode()
    with suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            while _will_show(feeds.newest_board, size, user, best) and not feeds.board.ended:
                await feeds.next_board()
    return "top" if _shows(feeds.newest_board, user, best) else "best"


def _shows(board: Board, user: str, best: Best) -> bool:
    return any(row.user == user and row.score >= best.score for row in board.rows)


def _will_show(board: Board, size: int, user: str, best: Best) -> bool:
    """Say whether the score has a place on the board that is not shown yet."""
    if _shows(board, user, best):
        return False
    if len(board.rows) < size or any(row.user == user for row in board.rows):
        return True
    last = board.rows[-1]
    standing = (-last.score, last.time, last.user.encode())
    return (-best.score, best.time, user.encode()) < standing

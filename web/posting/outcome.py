"""The outcome of a posted score: what proves it, and who waits for it; asyncio alone, no Kafka.

A score is proved to be a new best by the user's message on `high-scores` with this score as its
origin. It is proved to be counted, and no best, once the flow has committed a position past it and
everything written to `high-scores` by then is read: the flow writes before it commits.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Literal

from dataflows.leaderboard import Board
from web.kafka.records import Best, Receipt
from web.live.feeds import Feeds

Outcome = Literal["top", "best", "counted", "received"]
OUTCOMES: tuple[Outcome, ...] = ("top", "best", "counted", "received")

BESTS_KEPT = 100  # of one user, until the score is acknowledged


class PendingScore:
    """One score whose outcome is awaited, from before it is written."""

    def __init__(self, user: bytes) -> None:
        self.user = user
        self.receipt: Receipt | None = None
        self._end: tuple[int, int] | None = None  # partition and offset: the proof is before it
        self._bests: deque[Best] = deque(maxlen=BESTS_KEPT)
        self._result: asyncio.Future[Best | None] = asyncio.get_running_loop().create_future()

    def is_written(self) -> bool:
        """Return whether it is acknowledged, but its outcome is not known yet."""
        return self.receipt is not None and not self._result.done()

    def acknowledge(self, receipt: Receipt) -> None:
        """Note where the score is on `scores`."""
        self.receipt = receipt
        self._match()

    def add_best(self, best: Best) -> None:
        """Note a message of the user on `high-scores`."""
        self._bests.append(best)
        self._match()

    def set_counted(self, partition: int, end: int) -> None:
        """Note that the flow has counted it, and where `high-scores` ended then, the first time."""
        self._end = self._end or (partition, end)

    def advance(self, next_offsets: Mapping[int, int]) -> None:
        """Note how far `high-scores` is read."""
        if self._end is not None:
            partition, end = self._end
            if next_offsets.get(partition, 0) >= end:
                self._settle(None)

    def cancel(self) -> None:
        """End the wait: the outcome stays unknown."""
        self._result.cancel()

    async def wait(self, seconds: float) -> Best | None:
        """Return its message on `high-scores`; None if it is counted and has none.

        Raises:
            TimeoutError: The outcome is not known in time.
        """
        try:
            return await asyncio.wait_for(asyncio.shield(self._result), seconds)
        except asyncio.CancelledError:
            if self._result.cancelled():
                raise TimeoutError from None
            raise

    def _match(self) -> None:
        """Settle it by the user's messages: one for a later score proves that it was counted."""
        if self.receipt is None:
            return
        partition, offset = self.receipt
        for best in self._bests:
            if best.receipt.partition == partition and best.receipt.offset >= offset:
                self._settle(best if best.receipt == self.receipt else None)

    def _settle(self, best: Best | None) -> None:
        if not self._result.done():
            self._result.set_result(best)


async def outcome(
    pending: PendingScore, feeds: Feeds, size: int, seconds: float, *, sign: int = 1
) -> Outcome:
    """Wait for the outcome of a written score: "received" if it is not known in time.

    Args:
        pending: The score.
        feeds: The boards.
        size: Rows of the board.
        seconds: To wait, at most.
        sign: -1 where the lowest score is the best.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    try:
        best = await pending.wait(seconds)
    except TimeoutError:
        return "received"
    if best is None:
        return "counted"
    user = pending.user.decode()
    while _will_show(feeds.newest_board, size, user, best, sign) and not feeds.board.ended:
        if (left := deadline - loop.time()) <= 0:
            break
        await feeds.next_board(left)
    return "top" if _shows(feeds.newest_board, user, best, sign) else "best"


async def outcome_on_board(feeds: Feeds, user: str, score: int, seconds: float) -> Outcome:
    """Wait for the board to show a written score that it did not show before: else "received".

    This is all that is known without a reader of `high-scores`.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not has_row(feeds.newest_board, user, score):
        if (left := deadline - loop.time()) <= 0 or feeds.board.ended:
            return "received"
        await feeds.next_board(left)
    return "top"


def has_row(board: Board, user: str, score: int) -> bool:
    """Return whether a board shows this score of a user."""
    return any((row.user, row.score) == (user, score) for row in board.rows)


def _shows(board: Board, user: str, best: Best, sign: int) -> bool:
    return any(row.user == user and sign * row.score >= sign * best.score for row in board.rows)


def _will_show(board: Board, size: int, user: str, best: Best, sign: int) -> bool:
    """Return whether the score belongs on the board, but is not on it yet."""
    if _shows(board, user, best, sign):
        return False
    if len(board.rows) < size or any(row.user == user for row in board.rows):
        return True
    last = board.rows[-1]
    last_rank_key = (-sign * last.score, last.time, last.user.encode())
    return (-sign * best.score, best.time, user.encode()) < last_rank_key

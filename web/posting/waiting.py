"""The posted scores whose outcomes clients wait for."""

from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager

from web.kafka.records import News, Posted
from web.posting.outcome import PendingScore

PENDING_MAX = 1_000  # scores at the same time


class ScoreWatcher:
    """Settles all pending scores by what the reader of `high-scores` brings."""

    def __init__(self) -> None:
        self._pending: dict[PendingScore, None] = {}
        self._ended = False

    @contextmanager
    def watch(self, user: bytes) -> Generator[PendingScore | None, None, None]:
        """Watch this user; write the score inside the `with`.

        Yields None where the outcome will stay unknown: 1,000 scores are pending already.
        """
        if self._ended or len(self._pending) >= PENDING_MAX:
            yield None
            return
        pending = PendingScore(user)
        self._pending[pending] = None
        try:
            yield pending
        finally:
            del self._pending[pending]

    def begin(self, _topic_id: str) -> None:
        """End every wait: what was on `high-scores` until now may prove an outcome, unseen."""
        self._cancel()

    def posted(self) -> list[Posted]:
        """Return what the reader looks for; any thread may ask."""
        return [
            Posted(each.user, each.receipt if each.is_written() else None)
            for each in list(self._pending)
        ]

    def put(self, news: News) -> None:
        """Note what is newly known."""
        bests = defaultdict(list)
        for best in news.bests:
            bests[best.user].append(best)
        for each in self._pending:
            for best in bests.get(each.user, ()):
                each.add_best(best)
            if each.receipt is not None and each.receipt in news.counted:
                each.set_counted(*news.counted[each.receipt])
            each.advance(news.next_offsets)

    def end(self) -> None:
        """End every wait, and accept no new one."""
        self._ended = True
        self._cancel()

    def _cancel(self) -> None:
        for each in self._pending:
            each.cancel()

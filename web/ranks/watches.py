"""The `rank` events of `/live`: for each watched user at most one a second, always the newest.

The watched users are looked up once a second, a few at a time, whatever happens to the table in
between: their number alone decides what that costs.
"""

import asyncio
import logging
from collections.abc import Hashable
from contextlib import suppress

from web.live import sse
from web.live.hub import Hub
from web.live.subscribers import Subscriber
from web.ranks import documents
from web.ranks.documents import Document
from web.ranks.rankings import NotRanked, Rankings

log = logging.getLogger(__name__)

ROUND_SECONDS = 1.0
SLICE = 50  # watches looked up at once: a millisecond or two, eight with 50 rows around each


class Watch:
    """One client that watches one user.

    Args:
        rankings: Where the ranks are looked up.
        board: Its name; the current period of it is watched.
        user: The name.
        around: The distance of the rows above and below that are sent too; None: none are.
    """

    def __init__(self, rankings: Rankings, board: str, user: str, around: int | None) -> None:
        self._rankings = rankings
        self._board = board
        self._user = user
        self._around = around
        self._moment: Hashable = None  # of the last look
        self._sent: Hashable = None  # what the client knows
        self.client: tuple[Hub, Subscriber] | None = None

    def first(self) -> bytes:
        """Return the event for a client that connects; nothing while ranks are not ready."""
        found = self._look_up()
        self._sent = _essence(found) if found else None
        return _event(found) if found else b""

    def publish(self) -> None:
        """Send the event, if it is news for the client; one that lags is asked again later."""
        if self.client is None or self._moment == (moment := self._rankings.moment(self._board)):
            return
        found = self._look_up()
        if found and self._sent != (essence := _essence(found)):
            hub, subscriber = self.client
            if not hub.send(subscriber, _event(found)):
                return
            self._sent = essence
        self._moment = moment

    def _look_up(self) -> Document | None:
        with suppress(NotRanked), self._rankings.open(self._board) as ranked:
            return documents.rank_event(ranked, self._user, self._around)
        return None


class Watches:
    """All watches of a process. Every method is called on the event loop."""

    def __init__(self) -> None:
        self._watches: dict[Watch, None] = {}
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._watches)

    def add(self, watch: Watch, hub: Hub, subscriber: Subscriber) -> None:
        """Send the events of a watch to this subscriber of a hub from now on."""
        watch.client = hub, subscriber
        self._watches[watch] = None
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def remove(self, watch: Watch) -> None:
        """Forget a watch; it need not be there."""
        watch.client = None
        self._watches.pop(watch, None)

    def end(self) -> None:
        """Look nothing up any more."""
        self._watches.clear()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        """Look up all watches again and again; the task ends when there are none."""
        while watches := list(self._watches):
            slices = [watches[start : start + SLICE] for start in range(0, len(watches), SLICE)]
            for each in slices:
                await asyncio.sleep(ROUND_SECONDS / len(slices))
                self._publish(each)
        self._task = None

    def _publish(self, watches: list[Watch]) -> None:
        try:
            for watch in watches:
                watch.publish()
        except Exception:
            log.exception("ranks could not be published")


def _event(document: Document) -> bytes:
    return sse.event(documents.encode_event(document), name="rank")


def _essence(document: Document) -> Hashable:
    """Return what a client is told at once when it changes; the number of players is not part.

    It is a hash, since every watch keeps one.
    """
    return hash(documents.encode(document | {"players": None}))

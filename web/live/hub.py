"""Send the newest state of a stream to many subscribers; pure asyncio.

The state is an ordered mapping of keys to chunks: one chunk for a board, ten for the last scores.
No subscriber has a queue. One that has caught up gets each change at once. One that is not writable
lags behind; once it is writable it gets those chunks of the state that changed meanwhile. One that
lags for too long is cut off.
"""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

from web.live.subscribers import Chunk, Subscriber, frame


class Times(NamedTuple):
    """Seconds between heartbeats, and of lag before a subscriber is cut."""

    heartbeat: float = 15
    stall: float = 30


class _Entry(NamedTuple):
    version: int  # in which it changed last
    chunk: bytes


class _Lag(NamedTuple):
    """The version that a subscriber has, and since when it has lagged, by the loop's clock."""

    version: int
    since: float


class Hub:
    """One stream. Every method is called on the event loop.

    Args:
        heartbeat: Returns the chunk of a heartbeat.
        times: When it is sent, and when a subscriber is cut.
    """

    def __init__(self, heartbeat: Callable[[], bytes], times: Times) -> None:
        self._heartbeat = heartbeat
        self._times = times
        self._version = 0
        self._state: dict[Hashable, _Entry] = {}
        self._caught_up: dict[Subscriber, None] = {}  # writable, and has the newest version
        self._lagging: dict[Subscriber, _Lag] = {}  # ordered by `since`
        self._stall_timer: asyncio.TimerHandle | None = None
        self._heartbeat_timer: asyncio.TimerHandle | None = None
        self.ended = False
        self.sent = 0  # chunks to clients, ever
        self.skipped = 0  # changes that a client had no room for, ever
        self.cut = 0  # clients that had stopped reading, ever

    def __len__(self) -> int:
        return len(self._caught_up) + len(self._lagging)

    def publish(self, state: Mapping[Hashable, bytes]) -> None:
        """Replace the state, and send what has a new key or another chunk."""
        old, before = self._state, self._version
        version = before + 1
        self._state = {
            key: old[key] if key in old and old[key].chunk == chunk else _Entry(version, chunk)
            for key, chunk in state.items()
        }
        if news := self._changes_since(before):
            self._version = version
            self.skipped += len(self._lagging)
            self._send(frame(news))

    def snapshot(self, resume: Hashable = None) -> tuple[bytes, int]:
        """Return the state without the chunk of the key `resume`, and its version for `add`."""
        entries = self._state.items()
        return b"".join(entry.chunk for key, entry in entries if key != resume), self._version

    def add(self, subscriber: Subscriber, version: int) -> None:
        """Add a subscriber that has this version; it gets later changes once it is writable."""
        if self.ended:
            subscriber.end()
            return
        self._update(subscriber, version, writable=subscriber.is_writable())
        if self._heartbeat_timer is None:
            self._schedule_heartbeat()

    def send(self, subscriber: Subscriber, plain: bytes) -> bool:
        """Write to one subscriber alone; return False, and write nothing, where it lags."""
        if subscriber not in self._caught_up:
            return False
        self.sent += 1
        if not subscriber.write(frame(plain)):
            del self._caught_up[subscriber]
            self._start_lag(subscriber, self._version)
        return True

    def catch_up(self, subscriber: Subscriber) -> None:
        """Send a subscriber that is writable again the changes that it has missed."""
        if lag := self._lagging.pop(subscriber, None):
            self._update(subscriber, lag.version, writable=True)

    def remove(self, subscriber: Subscriber) -> None:
        """Forget a subscriber; it need not be there."""
        self._caught_up.pop(subscriber, None)
        self._lagging.pop(subscriber, None)

    def end(self) -> None:
        """End the stream of every subscriber, also of those that are added later."""
        self.ended = True
        for timer in (self._heartbeat_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        subscribers = [*self._caught_up, *self._lagging]
        self._caught_up, self._lagging = {}, {}
        for subscriber in subscribers:
            subscriber.end()

    def _changes_since(self, version: int) -> bytes:
        return b"".join(entry.chunk for entry in self._state.values() if entry.version > version)

    def _send(self, chunk: Chunk) -> None:
        """Write a chunk to all that have caught up; those not writable after it lag."""
        self.sent += len(self._caught_up)
        for subscriber in [each for each in self._caught_up if not each.write(chunk)]:
            del self._caught_up[subscriber]
            self._start_lag(subscriber, self._version)

    def _update(self, subscriber: Subscriber, version: int, *, writable: bool) -> None:
        """Write the changes since a version to a writable subscriber, and file it accordingly."""
        if writable and version < self._version and (news := self._changes_since(version)):
            self.sent += 1
            writable, version = subscriber.write(frame(news)), self._version
        if writable:
            self._caught_up[subscriber] = None
        else:
            self._start_lag(subscriber, version)

    def _start_lag(self, subscriber: Subscriber, version: int) -> None:
        loop = asyncio.get_running_loop()
        self._lagging[subscriber] = _Lag(version, loop.time())
        if self._stall_timer is None:
            self._stall_timer = loop.call_later(self._times.stall, self._cut_stalled)

    def _cut_stalled(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() - self._times.stall
        for subscriber in [each for each, lag in self._lagging.items() if lag.since <= due]:
            self.remove(subscriber)
            self.cut += 1
            subscriber.cut()
        oldest = next(iter(self._lagging.values()), None)
        self._stall_timer = None
        if oldest is not None:
            self._stall_timer = loop.call_at(oldest.since + self._times.stall, self._cut_stalled)

    def _schedule_heartbeat(self) -> None:
        loop = asyncio.get_running_loop()
        self._heartbeat_timer = loop.call_later(self._times.heartbeat, self._send_heartbeat)

    def _send_heartbeat(self) -> None:
        """Send a heartbeat; without subscribers the next one waits for `add`."""
        self._heartbeat_timer = None
        if len(self):
            self._send(frame(self._heartbeat()))
            self._schedule_heartbeat()

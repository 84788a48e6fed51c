"""The latest of a stream to many subscribers, pure asyncio.

A stream has a state, an ordered mapping of keys to chunks: one chunk for a board, ten for the last
scores. A subscriber holds no queue: who is level gets what is new, who is not free lags behind and
gets, once it is free, what the state still has of what it missed; who lags for too long is cut off.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from typing import NamedTuple, Protocol

from web.live.subscribers import Chunk, GeneratorSubscriber, SocketSubscriber, Subscriber, frame

Chunks = AsyncGenerator[bytes, None]


class Lender(Protocol):
    """A connection whose transport may be lent."""

    is_handed_over: bool

    def lend(self, wire: SocketSubscriber) -> bool:
        """Give the transport to the wire for good, if the client is still there."""


class Times(NamedTuple):
    """Seconds between heartbeats, and of taking nothing before a subscriber is cut."""

    heartbeat: float = 15
    stall: float = 30


class _Entry(NamedTuple):
    version: int
    chunk: bytes


class _Lag(NamedTuple):
    """What a subscriber saw last, and since when it has not been free, in the loop's time."""

    version: int
    since: float


class Hub:
    """One stream. Every method is called on the event loop.

    Args:
        heartbeat: Returns the chunk that is sent at each heartbeat.
        times: When it is sent, and when a subscriber is cut.
    """

    def __init__(self, heartbeat: Callable[[], bytes], times: Times) -> None:
        self._heartbeat = heartbeat
        self._times = times
        self._version = 0
        self._state: dict[Hashable, _Entry] = {}
        self._level: dict[Subscriber, None] = {}  # free, and has seen all
        self._lagging: dict[Subscriber, _Lag] = {}  # in the order of their `since`
        self._watch: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self.ended = False
        self.given = 0  # chunks to clients, ever
        self.cut = 0  # clients that had stopped reading, ever

    def __len__(self) -> int:
        return len(self._level) + len(self._lagging)

    def publish(self, state: Mapping[Hashable, bytes]) -> None:
        """Replace the state; what has a new key, or another chunk, goes out."""
        old, before = self._state, self._version
        version = before + 1
        self._state = {
            key: old[key] if key in old and old[key].chunk == chunk else _Entry(version, chunk)
            for key, chunk in state.items()
        }
        news = self._since(before)
        if news:
            self._version = version
            self._send(frame(news))

    def snapshot(self, resume: Hashable = None) -> tuple[bytes, int]:
        """Give the whole state, but what `resume` names, and its version for `add`."""
        entries = self._state.items()
        return b"".join(entry.chunk for key, entry in entries if key != resume), self._version

    def add(self, subscriber: Subscriber, version: int) -> None:
        """Let a subscriber in who saw that version; it gets what came since, once it is free."""
        if self.ended:
            subscriber.end()
            return
        self._place(subscriber, version, free=subscriber.is_free())
        if self._beat is None:
            self._schedule_beat()

    def ready(self, subscriber: Subscriber) -> None:
        """Give a subscriber that is free again what it has missed."""
        lag = self._lagging.pop(subscriber, None)
        if lag is not None:
            self._place(subscriber, lag.version, free=True)

    def remove(self, subscriber: Subscriber) -> None:
        """Forget a subscriber, also one that is not there."""
        self._level.pop(subscriber, None)
        self._lagging.pop(subscriber, None)

    async def follow(self, first: bytes, version: int, cut: Callable[[], object]) -> Chunks:
        """Yield `first`, then what is newer than `version`, until the end.

        Registered inside the generator, so that a client who left before the first byte leaks
        nothing.
        """
        slot = GeneratorSubscriber(self, cut)
        try:
            yield first
            self.add(slot, version)
            while (chunk := await slot.take()) is not None:
                yield chunk
        finally:
            self.remove(slot)

    async def lend(
        self, first: bytes, version: int, lender: Lender, left: Callable[[], object]
    ) -> Chunks:
        """Yield `first` and end; what is newer goes to the connection itself, until the end.

        Args:
            first: What is sent first.
            version: That it shows.
            lender: The connection; it is closed after the end.
            left: Called once, when a client has left whose connection was lent.
        """
        yield first
        wire = SocketSubscriber(self, left)
        if lender.lend(wire):
            self.add(wire, version)

    def end(self) -> None:
        """End every stream, now and from now on."""
        self.ended = True
        for timer in (self._beat, self._watch):
            if timer is not None:
                timer.cancel()
        subscribers = [*self._level, *self._lagging]
        self._level, self._lagging = {}, {}
        for subscriber in subscribers:
            subscriber.end()

    def _since(self, version: int) -> bytes:
        return b"".join(entry.chunk for entry in self._state.values() if entry.version > version)

    def _send(self, chunk: Chunk) -> None:
        """Give a chunk to all who are level; who is not free after it lags."""
        self.given += len(self._level)
        for subscriber in [each for each in self._level if not each.give(chunk)]:
            del self._level[subscriber]
            self._lag(subscriber, self._version)

    def _place(self, subscriber: Subscriber, version: int, *, free: bool) -> None:
        """Give a subscriber what is newer than it saw, and put it where it then belongs."""
        if free and version < self._version and (news := self._since(version)):
            self.given += 1
            free, version = subscriber.give(frame(news)), self._version
        if free:
            self._level[subscriber] = None
        else:
            self._lag(subscriber, version)

    def _lag(self, subscriber: Subscriber, version: int) -> None:
        loop = asyncio.get_running_loop()
        self._lagging[subscriber] = _Lag(version, loop.time())
        if self._watch is None:
            self._watch = loop.call_later(self._times.stall, self._cut_stalled)

    def _cut_stalled(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() - self._times.stall
        stalled = [each for each, lag in self._lagging.items() if lag.since <= due]
        for subscriber in stalled:
            self.remove(subscriber)
            self.cut += 1
            subscriber.cut()
        oldest = next(iter(self._lagging.values()), None)
        self._watch = None
        if oldest is not None:
            self._watch = loop.call_at(oldest.since + self._times.stall, self._cut_stalled)

    def _schedule_beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._beat = loop.call_later(self._times.heartbeat, self._give_beat)

    def _give_beat(self) -> None:
        self._beat = None
        if len(self):
            self._send(frame(self._heartbeat()))
            self._schedule_beat()

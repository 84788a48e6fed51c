"""The latest of a stream to many subscribers, pure asyncio.

A stream has a state, an ordered mapping of keys to chunks: one chunk for a board, ten for the last
scores. A subscriber holds no queue, only the version that it saw; whoever is slow gets what the
state still has of what it missed, and whoever takes nothing for too long is cut off.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from typing import NamedTuple, Protocol

from web.subscribers import Slot, Wire

Chunks = AsyncGenerator[bytes, None]
SWEEP_SECONDS = 0.05  # between looks at those who lag, while there are any


class Subscriber(Protocol):
    """One client of a stream."""

    def is_free(self) -> bool:
        """Say whether everything given so far was taken."""

    def give(self, chunk: bytes) -> None:
        """Take a chunk, without waiting."""

    def end(self) -> None:
        """End the stream properly: nothing more will be given."""

    @property
    def cut(self) -> Callable[[], object]:
        """Drop the client at once: it has stopped reading."""


class Times(NamedTuple):
    """Seconds of silence before a heartbeat, and of taking nothing before a subscriber is cut."""

    heartbeat: float = 15
    stall: float = 30


class _Entry(NamedTuple):
    version: int
    chunk: bytes


class _Seen:
    """What a subscriber saw, and since when it has lagged (loop time, 0: it does not)."""

    __slots__ = ("lagging_since", "version")

    def __init__(self, version: int) -> None:
        self.version = version
        self.lagging_since = 0.0


class Broadcast:
    """One stream. Every method is called on the event loop.

    Args:
        heartbeat: The chunk that breaks a silence.
        times: When it does, and when a subscriber is cut.
    """

    def __init__(self, heartbeat: bytes, times: Times) -> None:
        self._heartbeat = heartbeat
        self._times = times
        self._version = 0
        self._state: dict[Hashable, _Entry] = {}
        self._subscribers: dict[Subscriber, _Seen] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._last_given = 0.0
        self.ended = False
        self.given = 0  # chunks to clients, ever
        self.cut = 0  # clients that had stopped reading, ever

    def __len__(self) -> int:
        return len(self._subscribers)

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
            self._send(news, before)

    def snapshot(self, resume: Hashable = None) -> tuple[bytes, int]:
        """Give the whole state, but what `resume` names, and its version for `add`."""
        entries = self._state.items()
        return b"".join(entry.chunk for key, entry in entries if key != resume), self._version

    def add(self, subscriber: Subscriber, version: int) -> None:
        """Let a subscriber in who saw that version; it gets at once what came since."""
        if self.ended:
            subscriber.end()
            return
        self._subscribers[subscriber] = _Seen(version)
        self._catch_up(subscriber)
        if self._beat is None:
            self._last_given = asyncio.get_running_loop().time()
            self._schedule_beat()

    def remove(self, subscriber: Subscriber) -> None:
        """Forget a subscriber, also one that is not there."""
        self._subscribers.pop(subscriber, None)

    async def follow(self, first: bytes, version: int, cut: Callable[[], object]) -> Chunks:
        """Yield `first`, then what is newer than `version`, until the end.

        Registered inside the generator, so that a client who left before the first byte leaks
        nothing.
        """
        slot = Slot(cut)
        try:
            yield first
            self.add(slot, version)
            while (chunk := await slot.take()) is not None:
                yield chunk
        finally:
            self.remove(slot)

    async def lend(self, first: bytes, version: int, transport: asyncio.WriteTransport) -> Chunks:
        """Yield `first`; what is newer goes to the transport itself, until the end."""
        wire = Wire(transport, ended := asyncio.get_running_loop().create_future())
        try:
            yield first
            self.add(wire, version)
            await ended
        finally:
            self.remove(wire)

    def end(self) -> None:
        """End every stream, now and from now on."""
        self.ended = True
        for timer in (self._beat, self._sweep):
            if timer is not None:
                timer.cancel()
        subscribers, self._subscribers = self._subscribers, {}
        for subscriber in subscribers:
            subscriber.end()

    def _since(self, version: int) -> bytes:
        return b"".join(entry.chunk for entry in self._state.values() if entry.version > version)

    def _send(self, news: bytes, before: int) -> None:
        now = self._last_given = asyncio.get_running_loop().time()
        version = self._version
        for subscriber, seen in self._subscribers.items():
            if seen.version == before and subscriber.is_free():
                subscriber.give(news)
                seen.version = version
                self.given += 1
            elif not seen.lagging_since:
                seen.lagging_since = now
        self._schedule_sweep()

    def _catch_up(self, subscriber: Subscriber) -> None:
        seen = self._subscribers[subscriber]
        if seen.version < self._version and (news := self._since(seen.version)):
            subscriber.give(news)
            self.given += 1
        seen.version = self._version
        seen.lagging_since = 0.0

    def _schedule_sweep(self) -> None:
        lagging = any(seen.lagging_since for seen in self._subscribers.values())
        if lagging and self._sweep is None:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(SWEEP_SECONDS, self._look_at_lagging)

    def _look_at_lagging(self) -> None:
        self._sweep = None
        now = asyncio.get_running_loop().time()
        for subscriber, seen in list(self._subscribers.items()):
            if not seen.lagging_since:
                continue
            if subscriber.is_free():
                self._catch_up(subscriber)
            elif now - seen.lagging_since > self._times.stall:
                self.remove(subscriber)
                self.cut += 1
                subscriber.cut()
        self._schedule_sweep()

    def _schedule_beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._beat = loop.call_at(self._last_given + self._times.heartbeat, self._give_beat)

    def _give_beat(self) -> None:
        self._beat = None
        if not self._subscribers:
            return
        now = asyncio.get_running_loop().time()
        if now - self._last_given >= self._times.heartbeat:
            self._send_beat(now)
        self._schedule_beat()

    def _send_beat(self, now: float) -> None:
        self._last_given = now
        for subscriber, seen in self._subscribers.items():
            if subscriber.is_free():
                subscriber.give(self._heartbeat)
            elif not seen.lagging_since:
                seen.lagging_since = now
        self._schedule_sweep()

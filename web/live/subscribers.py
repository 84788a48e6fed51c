"""What the hub asks of a subscriber, and the one for any server: a generator.

The other one, for HTTP/1.1 on our own server, is `web.server.handover.SocketSubscriber`.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol


class Chunk(NamedTuple):
    """Bytes for many clients, as they are and as HTTP/1.1 frames them: framed once for all."""

    plain: bytes
    framed: bytes


def frame(plain: bytes) -> Chunk:
    """Frame bytes as a chunk.

    Source: https://www.rfc-editor.org/rfc/rfc9112#section-7.1
    """
    return Chunk(plain, b"%x\r\n%b\r\n" % (len(plain), plain))


class Subscriber(Protocol):
    """A client of a stream. One that becomes writable again calls `Hub.catch_up`."""

    def is_writable(self) -> bool:
        """Return whether the client has taken everything that was written so far."""

    def write(self, chunk: Chunk) -> bool:
        """Write a chunk to a writable client, without waiting; return whether it still is."""

    def end(self) -> None:
        """End the stream as its protocol demands: nothing more will be written."""

    def cut(self) -> object:
        """Drop the client at once: it has stopped reading."""


class GeneratorSubscriber:
    """A client whose response body is a generator: iterate over it for the chunks.

    It holds one chunk, and is writable when the generator comes for the next one. Any server can
    serve it, tests included.

    Args:
        on_writable: Called with it whenever it is writable again: `Hub.catch_up`.
        cut: Drops the client.
    """

    def __init__(
        self, on_writable: Callable[[Subscriber], object], cut: Callable[[], object]
    ) -> None:
        self._on_writable = on_writable
        self._cut = cut
        self._chunk: bytes | None = None
        self._is_over = False
        self._changed = asyncio.Event()

    def __aiter__(self) -> "GeneratorSubscriber":
        return self

    async def __anext__(self) -> bytes:
        if self._chunk is None:
            self._on_writable(self)
        while self._chunk is None:
            if self._is_over:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        chunk, self._chunk = self._chunk, None
        return chunk

    def is_writable(self) -> bool:
        """Return whether it holds no chunk."""
        return self._chunk is None

    def write(self, chunk: Chunk) -> bool:
        """Hold a chunk until the generator comes for it."""
        self._chunk = chunk.plain
        self._changed.set()
        return False

    def end(self) -> None:
        """Let the generator return once it has the chunk that is held."""
        self._is_over = True
        self._changed.set()

    def cut(self) -> None:
        """Drop the client at once."""
        self._cut()

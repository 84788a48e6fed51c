"""The two kinds of client that a broadcast has: a generator, and a bare transport.

A generator is what any server can serve, HTTP/2 and tests included. A transport is what our own
server lends for HTTP/1.1: writing a ready chunk to it costs a fifth of waking a generator.
"""

import asyncio
from collections.abc import Callable


class Slot:
    """A client that is served by a generator: room for one chunk.

    Args:
        cut: Drops the client; called when it has stopped reading.
    """

    def __init__(self, cut: Callable[[], object]) -> None:
        self.cut = cut
        self._chunk: bytes | None = None
        self._over = False
        self._waiting = False
        self._changed = asyncio.Event()

    async def take(self) -> bytes | None:
        """Wait for the next chunk; None at the end."""
        self._waiting = self._chunk is None
        while self._chunk is None and not self._over:
            self._changed.clear()
            await self._changed.wait()
        self._waiting = False
        chunk, self._chunk = self._chunk, None
        return chunk

    def is_free(self) -> bool:
        """Say whether the generator waits for a chunk and has none."""
        return self._waiting and self._chunk is None

    def give(self, chunk: bytes) -> None:
        """Hand a chunk to the generator."""
        self._chunk = chunk
        self._changed.set()

    def end(self) -> None:
        """Let the generator return once it has given what it has."""
        self._over = True
        self._changed.set()


class Wire:
    """A client on HTTP/1.1, whose response is written to its transport past the server.

    The server has sent the headers and waits; each chunk gets the framing that it would have given
    it. Source: https://www.rfc-editor.org/rfc/rfc9112#section-7.1
    """

    __slots__ = ("_ended", "_transport")

    def __init__(self, transport: asyncio.WriteTransport, ended: asyncio.Future[None]) -> None:
        self._transport = transport
        self._ended = ended

    def is_free(self) -> bool:
        """Say whether the kernel took all; a lost connection is not free, and is cut in the end."""
        return not self._transport.get_write_buffer_size() and not self._transport.is_closing()

    def give(self, chunk: bytes) -> None:
        """Write a chunk."""
        self._transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))

    def end(self) -> None:
        """Let the response go on, which then writes its last chunk."""
        if not self._ended.done():
            self._ended.set_result(None)

    def cut(self) -> None:
        """Drop the connection at once."""
        self._transport.abort()
        self.end()

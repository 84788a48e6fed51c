"""The two kinds of client that a broadcast has: a generator, and a bare transport.

A generator is what any server can serve, HTTP/2 and tests included. A transport is what our own
server lends for HTTP/1.1: writing a ready chunk to it costs a fifth of waking a generator.
"""

import asyncio
import os
from collections.abc import Callable
from typing import NamedTuple, Protocol

LAST_CHUNK = b"0\r\n\r\n"


class Chunk(NamedTuple):
    """What is given to many: as it is, and as HTTP/1.1 frames it, which is done once for all."""

    plain: bytes
    framed: bytes


def frame(plain: bytes) -> Chunk:
    """Make a chunk.

    Source: https://www.rfc-editor.org/rfc/rfc9112#section-7.1
    """
    return Chunk(plain, b"%x\r\n%b\r\n" % (len(plain), plain))


class Subscriber(Protocol):
    """One client of a stream."""

    def is_free(self) -> bool:
        """Say whether everything given so far was taken."""

    def give(self, chunk: Chunk) -> bool:
        """Take a chunk while free, without waiting; say whether it is free still.

        Who is not says so to its stream once it is again.
        """

    def end(self) -> None:
        """End the stream properly: nothing more will be given."""

    @property
    def cut(self) -> Callable[[], object]:
        """Drop the client at once: it has stopped reading."""


class Stream(Protocol):
    """What a subscriber knows of its stream."""

    def ready(self, subscriber: Subscriber) -> None:
        """Note that a subscriber is free again."""

    def remove(self, subscriber: Subscriber) -> None:
        """Note that a subscriber has left."""


class GeneratorSubscriber:
    """A client that is served by a generator: room for one chunk.

    Args:
        stream: That it follows.
        cut: Drops the client; called when it has stopped reading.
    """

    def __init__(self, stream: Stream, cut: Callable[[], object]) -> None:
        self.cut = cut
        self._stream = stream
        self._chunk: bytes | None = None
        self._over = False
        self._changed = asyncio.Event()

    async def take(self) -> bytes | None:
        """Wait for the next chunk; None at the end."""
        if self._chunk is None:
            self._stream.ready(self)
        while self._chunk is None and not self._over:
            self._changed.clear()
            await self._changed.wait()
        chunk, self._chunk = self._chunk, None
        return chunk

    def is_free(self) -> bool:
        """Say whether it has room."""
        return self._chunk is None

    def give(self, chunk: Chunk) -> bool:
        """Hand a chunk to the generator, which is free when it comes for the next one."""
        self._chunk = chunk.plain
        self._changed.set()
        return False

    def end(self) -> None:
        """Let the generator return once it has given what it has."""
        self._over = True
        self._changed.set()


class SocketSubscriber(asyncio.Protocol):
    """A client on HTTP/1.1, whose response goes to its connection past the server.

    The server has sent the headers and the first chunk, and has let go of the transport. Chunks go
    to the descriptor itself, which costs half of what the transport costs; the transport keeps
    what the kernel does not take, one chunk at most, and says when it is gone. A descriptor is
    closed only after `connection_lost`, so it cannot be another client's.

    Args:
        stream: That it follows.
        left: Called once, when the connection is lost.
    """

    __slots__ = ("_fd", "_free", "_gone", "_left", "_stream", "_transport")

    def __init__(self, stream: Stream, left: Callable[[], object]) -> None:
        self._stream = stream
        self._left = left
        self._free = True

    def take(self, transport: asyncio.Transport, gone: Callable[[], object]) -> None:
        """Take a transport over; its lender hears of the connection's end by `gone`."""
        self._transport = transport
        self._gone = gone
        over_tls = transport.get_extra_info("sslcontext") is not None
        self._fd = -1 if over_tls else transport.get_extra_info("socket").fileno()
        transport.set_protocol(self)
        transport.set_write_buffer_limits(high=1, low=0)  # it says so when it holds anything
        transport.resume_reading()  # or nobody would see that the client leaves

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Leave the stream."""
        self._fd = -1
        self._stream.remove(self)
        self._left()
        self._gone()

    def pause_writing(self) -> None:
        """Note that the kernel has not taken all."""
        self._free = False

    def resume_writing(self) -> None:
        """Note that it now has."""
        self._free = True
        self._stream.ready(self)

    def is_free(self) -> bool:
        """Say whether the kernel took all."""
        return self._free

    def give(self, chunk: Chunk) -> bool:
        """Write a chunk."""
        left = chunk.framed
        if self._fd >= 0:
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:
                pass
            except OSError:  # the client has gone
                self._transport.abort()
                return True
        if left:
            self._transport.write(left)
        return self._free

    def end(self) -> None:
        """Write the last chunk, and close the connection when it is taken."""
        self._transport.write(LAST_CHUNK)
        self._transport.close()

    def cut(self) -> None:
        """Drop the connection at once."""
        self._transport.abort()

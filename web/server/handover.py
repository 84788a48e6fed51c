"""The hand-over of a connection from Hypercorn to a stream, for good.

Why: a stream lasts for hours. Through Quart and Hypercorn each event wakes a generator, which costs
four times the one write to the socket that it comes to, and each client keeps the objects of its
connection and request: 34 KiB instead of 7.

How: Quart and Hypercorn answer the request of a stream like any other. They check it, and write the
headers and the first chunk, all through a `Connection`, which is Hypercorn's StreamWriter. Then the
route calls `hand_over`. A `SocketSubscriber` becomes the protocol of the transport and is added to
the hub, which from then on writes its chunks to it. Hypercorn's reader gets an end of file: for
Hypercorn the client has left, and it forgets the connection and the request.

What each may do afterwards: Hypercorn still tries to end the response and to close the connection;
`Connection` ignores that. What the client sends is ignored. Only the subscriber uses the transport,
and the server aborts it at its own end.

When it ends: the hub ends the stream (`end`) or cuts the client (`cut`), the client leaves, or the
server ends. Each of these closes the transport, and asyncio then calls `connection_lost`, once. It
removes the subscriber from the hub and calls `on_closed`, once: that of the stream, which releases
its limiter, then that of the server, which releases its own and forgets the transport.

Only HTTP/1.1 has this: HTTP/1.0 has no chunks.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from ssl import SSLContext
from typing import cast

from web.live.hub import Hub
from web.live.subscribers import Chunk

HANDSHAKE_SECONDS = 10  # for TLS
LAST_CHUNK = b"0\r\n\r\n"


class Connection(asyncio.StreamWriter):
    """What Hypercorn writes to until the connection is handed over; from then on it does nothing.

    The server sets `on_closed`. It is called once: by the server, or after a hand-over by the
    subscriber.
    """

    on_closed: Callable[[], object]

    def __init__(self, transport: asyncio.Transport, reader: asyncio.StreamReader) -> None:
        protocol = transport.get_protocol()
        super().__init__(transport, protocol, reader, asyncio.get_running_loop())
        self.reader = reader
        self.is_handed_over = False

    def hand_over(
        self, hub: Hub, version: int, on_closed: Callable[[], object]
    ) -> "SocketSubscriber | None":
        """Add the client to a hub as a subscriber that has a version of its state, and return it.

        Args:
            hub: The stream.
            version: Of the state that the client has.
            on_closed: Called once, when the connection is closed; at once if it is already.
        """
        if self.transport.is_closing() or self.reader.at_eof():
            on_closed()
            return None
        on_connection_closed = self.on_closed  # the closure must not keep the Connection alive

        def on_both_closed() -> None:
            on_closed()
            on_connection_closed()

        self.is_handed_over = True
        transport = cast("asyncio.Transport", self.transport)
        subscriber = SocketSubscriber(transport, hub, on_both_closed)
        hub.add(subscriber, version)
        self.reader.feed_eof()
        return subscriber

    def abort(self) -> None:
        """Drop the client at once."""
        self.transport.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, unless the connection is handed over or closed: asyncio logs what comes then."""
        if not self.is_handed_over and not self.transport.is_closing():
            super().write(data)

    def write_eof(self) -> None:
        """Close the writing end, unless the connection is handed over."""
        if not self.is_handed_over:
            super().write_eof()

    async def drain(self) -> None:
        """Wait until more can be written, unless the connection is handed over.

        Raises:
            ConnectionResetError: The client has left, for whatever reason: Hypercorn lets no other
                error pass.
        """
        if not self.is_handed_over:
            try:
                await super().drain()
            except OSError as error:
                raise ConnectionResetError from error

    def close(self) -> None:
        """Close, unless the connection is handed over."""
        if not self.is_handed_over:
            super().close()

    async def wait_closed(self) -> None:
        """Wait until it is closed, unless the connection is handed over."""
        if not self.is_handed_over:
            with suppress(OSError):  # why the client has left
                await super().wait_closed()

    def __del__(self) -> None:
        """Do not warn of an open transport, as StreamWriter does: its owner closes it."""


class SocketSubscriber(asyncio.Protocol):
    """A client on a connection that was handed over.

    Chunks are written to the descriptor itself, which costs half of what the transport costs. The
    transport buffers what the kernel does not take, one chunk at most, and reports when it is sent.
    A descriptor is closed only after `connection_lost`, so it cannot be another client's.
    With TLS chunks go through the transport. It may hold two, since it reports only at the second
    that the kernel has not taken the first.

    Args:
        transport: Of the connection.
        hub: The stream.
        on_closed: Called once, when the connection is closed.
    """

    __slots__ = ("_fd", "_hub", "_is_writable", "_on_closed", "_transport")

    def __init__(
        self, transport: asyncio.Transport, hub: Hub, on_closed: Callable[[], object]
    ) -> None:
        self._transport = transport
        self._hub = hub
        self._on_closed = on_closed
        self._is_writable = True
        is_tls = transport.get_extra_info("sslcontext") is not None
        self._fd = -1 if is_tls else transport.get_extra_info("socket").fileno()
        transport.set_protocol(self)
        transport.resume_reading()  # or it would not notice that the client leaves

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Remove the client from the stream."""
        self._fd = -1
        self._hub.remove(self)
        self._on_closed()

    def pause_writing(self) -> None:
        """Note that the kernel has not taken everything."""
        self._is_writable = False

    def resume_writing(self) -> None:
        """Note that it now has, and catch up."""
        self._is_writable = True
        self._hub.catch_up(self)

    def is_writable(self) -> bool:
        """Return whether the kernel has taken everything."""
        return self._is_writable

    def write(self, chunk: Chunk) -> bool:
        """Write a chunk; return whether the kernel has taken all of it."""
        unsent = chunk.framed
        if self._fd >= 0:
            try:
                unsent = unsent[os.write(self._fd, unsent) :]
            except BlockingIOError:
                pass
            except OSError:  # the client has left
                self._transport.abort()
                return True
        if unsent:
            self._transport.write(unsent)
        return self._is_writable

    def end(self) -> None:
        """Write the last chunk, and close the connection when the kernel has taken it."""
        self._transport.write(LAST_CHUNK)
        self._transport.close()

    def cut(self) -> None:
        """Drop the client at once."""
        self._transport.abort()


async def connect(client: socket.socket, tls: SSLContext | None) -> Connection:
    """Make a connection of a client's socket, which is closed where that fails.

    Raises:
        OSError: The client has left, or does not speak TLS.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    transport, _ = await loop.connect_accepted_socket(
        lambda: asyncio.StreamReaderProtocol(reader, loop=loop),
        client,
        ssl=tls,
        ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None,
    )
    _pause_at_first_byte(transport, is_tls=tls is not None)
    return Connection(transport, reader)


def _pause_at_first_byte(transport: asyncio.Transport, *, is_tls: bool) -> None:
    """Let a transport pause its protocol whenever it holds a byte.

    Then `drain` returns when the kernel has everything, and a `SocketSubscriber` may write to the
    descriptor. A plain transport pauses above its limit. That of TLS pauses at its limit, and holds
    only what the plain one below it does not take; CPython keeps that one private.
    """
    if is_tls:
        transport.set_write_buffer_limits(high=1, low=0)
        transport = transport._ssl_protocol._transport  # type: ignore[attr-defined]  # noqa: SLF001
    transport.set_write_buffer_limits(high=0)

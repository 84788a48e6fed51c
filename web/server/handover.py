"""Connections: each is Hypercorn's, until a stream that may last for hours takes its transport."""

import asyncio
import socket
from collections.abc import Callable
from ssl import SSLContext

from web.live.subscribers import SocketSubscriber

HANDSHAKE_SECONDS = 10  # for TLS


class Connection(asyncio.StreamWriter):
    """What Hypercorn writes to, until its transport is lent; then it does nothing any more.

    So all that Hypercorn, h11 and Quart keep for a connection and its request is let go when a
    stream begins: left are a socket, its transport and a `SocketSubscriber`.
    """

    gone: Callable[[], object]  # to be called when the client of a wire has gone

    def __init__(self, transport: asyncio.Transport, reader: asyncio.StreamReader) -> None:
        protocol = transport.get_protocol()
        super().__init__(transport, protocol, reader, asyncio.get_running_loop())
        self.lendable = transport
        self.reader = reader
        self.is_handed_over = False

    def lend(self, wire: SocketSubscriber) -> bool:
        """Give the transport to a wire for good, if the client is still there.

        For Hypercorn the client has left, so it forgets the connection.
        """
        if self.lendable.is_closing() or self.reader.at_eof():
            return False
        self.is_handed_over = True
        wire.take(self.lendable, self.gone)
        self.reader.feed_eof()
        return True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, if the transport is not lent."""
        if not self.is_handed_over:
            super().write(data)

    def write_eof(self) -> None:
        """End the writing, if the transport is not lent."""
        if not self.is_handed_over:
            super().write_eof()

    async def drain(self) -> None:
        """Wait until more can be written, if the transport is not lent."""
        if not self.is_handed_over:
            await super().drain()

    def close(self) -> None:
        """Close, if the transport is not lent."""
        if not self.is_handed_over:
            super().close()

    async def wait_closed(self) -> None:
        """Wait for the end, if the transport is not lent."""
        if not self.is_handed_over:
            await super().wait_closed()

    def __del__(self) -> None:
        """Say nothing of a transport that is still open: its owner closes it."""


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
    return Connection(transport, reader)

"""Hypercorn's side of one connection: HTTP/1.1 alone, with what its own server lacks.

Source: https://github.com/pgjones/hypercorn/blob/0.18.0/src/hypercorn/asyncio/tcp_server.py
"""

import asyncio
from typing import TYPE_CHECKING, Any

from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.events import Closed, Event, RawData, Updated

if TYPE_CHECKING:
    import h11

HEAD_SECONDS = 10  # for the head of a request, from its first byte on
# A client that speaks HTTP/2 without asking begins with this, and gets an empty SETTINGS frame and
# GOAWAY with HTTP_1_1_REQUIRED. Source: https://www.rfc-editor.org/rfc/rfc9113
HTTP_2 = b"PRI * HTTP/2.0\r\n"
HTTP_1_REQUIRED = bytes.fromhex("000000040000000000 000008070000000000 00000000 0000000d")


class HypercornConnection(TCPServer):
    """Serves the requests of one connection until the client closes it.

    Unlike Hypercorn's, it stays with HTTP/1.1 (docs/decisions.md says why), bounds the time for
    the head of a request apart from that between two requests, and ends when the client has closed
    the connection between two requests.

    Args:
        busy: The transports with a request under way; it adds and removes its own.
        arguments: Those of Hypercorn.
    """

    def __init__(self, busy: set[asyncio.WriteTransport], *arguments: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments)
        self._busy = busy
        self._reads = 0  # since the last request began or ended

    async def protocol_send(self, event: Event) -> None:
        """Note whether a request is under way."""
        if isinstance(event, Updated):
            self._reads = 0
            (self._busy.discard if event.idle else self._busy.add)(self.writer.transport)
        await super().protocol_send(event)

    async def _read_data(self) -> None:
        self.protocol.protocol._check_protocol = _stay  # type: ignore[method-assign,union-attr]  # noqa: SLF001
        while data := await self._read():
            self._reads += 1
            await self.protocol.handle(RawData(data))
            if self._reads == 1 and not self._is_busy():
                await self.idle_task.restart(self._task_group, self._head_timeout)
        await self.protocol.handle(RawData(b""))
        await self.protocol.handle(Closed())
        await self.idle_task.stop()

    async def _read(self) -> bytes:
        """Return what the client sends next, b"" at the end."""
        try:
            data = await self.reader.read(MAX_RECV)
        except OSError:  # the client has left, or broken TLS
            return b""
        if data.startswith(HTTP_2) and not self._is_busy():
            self.writer.write(HTTP_1_REQUIRED)
            return b""
        return data

    def _is_busy(self) -> bool:
        return self.writer.transport in self._busy

    async def _head_timeout(self) -> None:
        await asyncio.sleep(HEAD_SECONDS)
        await asyncio.shield(self._initiate_server_close())


async def _stay(_request: "h11.Request") -> None:
    """Ignore `Upgrade: h2c`, as RFC 9110 allows: Hypercorn would change to HTTP/2."""

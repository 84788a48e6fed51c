"""Hypercorn on asyncio, with its connections known, so that all of them can be ended.

Hypercorn's own `serve` waits for open connections without a limit from Python 3.12.1 on, and ends
the app only after that. Here the end comes first to the streams, then to who is left.
"""

import asyncio
import logging
import socket
from collections.abc import Callable

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from quart import Quart

from conf.settings import Web

log = logging.getLogger(__name__)

BACKLOG = 4096  # clients that wait to be accepted: all of them come at once after a restart
HEADER_SECONDS = 10  # for a request's headers, and for the next request on a connection
USER_TIMEOUT_MS = 30_000  # for a vanished client to acknowledge what was sent to it
SEND_BUFFER = 64 * 1024  # bytes that the kernel holds for a client who does not read
GRACE_SECONDS = 1.5  # for clients to take the end of their streams


def listen(host: str, port: int) -> socket.socket:
    """Open the socket that clients connect to.

    Raises:
        OSError: The address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return sock


def url(web: Web, sock: socket.socket) -> str:
    """Give the address to open in a browser."""
    host, port = sock.getsockname()[:2]
    host = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"{'https' if web.certificate else 'http'}://{host}:{port}"


class Server:
    """Serves an app on a socket until it is told to stop."""

    def __init__(self, app: Quart, web: Web, end_streams: Callable[[], None]) -> None:
        self._app = app
        self._asgi = ASGIWrapper(app)
        self._config = _config(web)
        self._end_streams = end_streams
        self._context = WorkerContext(None)
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(self, sock: socket.socket, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set, then end within about two seconds."""
        await self._app.startup()
        ssl = self._config.create_ssl_context()
        server = await asyncio.start_server(self._connect, sock=sock, ssl=ssl, backlog=BACKLOG)
        await stopping.wait()
        server.close()
        await self._drain()
        await self._app.shutdown()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - start_server makes one for each client
        self._connections[task] = writer
        try:
            await TCPServer(
                self._asgi,
                asyncio.get_running_loop(),
                self._config,
                self._context,
                {"transport": writer.transport},  # the app finds it in the state of each request
                reader,
                writer,
            )
        finally:
            del self._connections[task]

    async def _drain(self) -> None:
        await self._context.terminated.set()
        self._end_streams()
        left = await self._wait_for_connections(GRACE_SECONDS)
        if left:
            log.info("dropping %d clients that have not taken the end of their streams", left)
        for writer in self._connections.values():
            writer.transport.abort()
        await self._wait_for_connections(GRACE_SECONDS)

    async def _wait_for_connections(self, seconds: float) -> int:
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=seconds)
        return len(self._connections)


def _config(web: Web) -> Config:
    config = Config()
    config.keep_alive_timeout = HEADER_SECONDS
    config.include_server_header = False
    config.certfile = web.certificate or None
    config.keyfile = web.private_key or None
    config.errorlog = logging.getLogger("hypercorn.error")
    return config

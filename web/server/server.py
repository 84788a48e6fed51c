"""Hypercorn on asyncio behind a door of our own, with all connections known, so that they can end.

Hypercorn's own `serve` waits for open connections without a limit from Python 3.12.1 on, and ends
the app only after that. Here the end comes first to the streams, then to who is left.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from quart import Quart

from conf.settings import Web
from web.access.limits import ConcurrencyLimiter
from web.server.accept import Acceptor, connections_max
from web.server.handover import Connection, connect
from web.server.hypercorn import HttpOnly, HypercornConnection

log = logging.getLogger(__name__)

BACKLOG = 4096  # clients that wait to be accepted: all of them come at once after a restart
HEADER_SECONDS = 10  # for a request's headers, and for the next request on a connection
LENIENCE_SECONDS = 5  # that the kernel waits longer than we for a client who takes nothing
UNSENT_BYTES = 16 * 1024  # that the kernel holds for a client beyond what is on its way to it
PAGES_PER_CLIENT = 50  # connections of one address that are no streams
LAST_FRAME_SECONDS = 0.1  # for Hypercorn to end streams on HTTP/2, before it ends connections
GRACE_SECONDS = 0.7  # for clients to take the end of their streams


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Open the socket that clients connect to; the kernel spreads them over shared ones.

    Raises:
        OSError: The address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=shared)


def listen_shared(host: str, port: int, count: int) -> list[socket.socket]:
    """Open so many sockets on one port, 0 for any.

    Raises:
        OSError: The address cannot be had, also because others share it.
    """
    listen(host, port).close()
    sockets = [listen(host, port, shared=True)]
    port = sockets[0].getsockname()[1]
    return sockets + [listen(host, port, shared=True) for _ in range(count - 1)]


def url(web: Web, sock: socket.socket) -> str:
    """Give the address to open in a browser."""
    host, port = sock.getsockname()[:2]
    host = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"{'https' if web.certificate else 'http'}://{host}:{port}"


class Server:
    """Serves an app on a socket until it is told to stop."""

    def __init__(self, app: Quart, web: Web, end_streams: Callable[[], None]) -> None:
        self._app = app
        self._asgi = HttpOnly(app)
        self._config = _config(web)
        self._stall_seconds = web.stall_seconds
        self._end_streams = end_streams
        self._tls = self._config.create_ssl_context()
        self._places = ConcurrencyLimiter(connections_max(), _connections_each(web))
        self._context = WorkerContext(None)
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: dict[asyncio.Transport, None] = {}
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        """Count the connections."""
        return len(self._open)

    def transports(self) -> list[asyncio.Transport]:
        """Give the transports of all connections."""
        return list(self._open)

    async def serve(self, sock: socket.socket, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set, then end within about two seconds."""
        await self._app.startup()
        _bound_clients(sock, self._stall_seconds)
        door = Acceptor(sock, self._places, self._welcome)
        door.open()
        await stopping.wait()
        door.close()
        await self._drain()
        await self._app.shutdown()

    def _welcome(self, client: socket.socket, leave: Callable[[], None]) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(client, leave))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket, leave: Callable[[], None]) -> None:
        try:
            connection = await connect(client, self._tls)
        except OSError:
            leave()
            return
        transport = connection.lendable
        self._open[transport] = None
        connection.gone = partial(self._forget, transport, leave)
        try:
            await self._speak(connection)
        finally:
            if not connection.is_handed_over:
                connection.gone()

    async def _speak(self, connection: Connection) -> None:
        await HypercornConnection(
            self._asgi,
            asyncio.get_running_loop(),
            self._config,
            self._context,
            {"connection": connection},  # the app finds it in the state of each request
            connection.reader,
            connection,
        )

    def _forget(self, transport: asyncio.Transport, leave: Callable[[], None]) -> None:
        leave()
        del self._open[transport]
        if not self._open:
            self._empty.set()

    async def _drain(self) -> None:
        self._end_streams()
        await asyncio.sleep(LAST_FRAME_SECONDS)
        await self._context.terminated.set()
        await self._wait_until_empty()
        if self._open:
            log.info("dropping %d clients that have not taken their end", len(self._open))
        for transport in self._open:
            transport.abort()
        await self._wait_until_empty()
        for task in self._tasks:
            task.cancel()

    async def _wait_until_empty(self) -> None:
        self._empty.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS if self._open else 0):
                await self._empty.wait()


def _bound_clients(sock: socket.socket, stall_seconds: float) -> None:
    """Let the kernel drop a client who has vanished or takes nothing, and hold little for each."""
    milliseconds = int((stall_seconds + LENIENCE_SECONDS) * 1000)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def _connections_each(web: Web) -> int:
    """Give how many connections an address may have, 0 for any: behind a proxy all have one."""
    streams = web.streams_per_client
    return streams + PAGES_PER_CLIENT if streams and not web.trusted_proxies else 0


def _config(web: Web) -> Config:
    config = Config()
    config.keep_alive_timeout = HEADER_SECONDS
    config.include_server_header = False
    config.certfile = web.certificate or None
    config.keyfile = web.private_key or None
    config.errorlog = logging.getLogger("hypercorn.error")
    return config

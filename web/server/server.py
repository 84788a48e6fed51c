"""Serve the app with Hypercorn's protocols, on connections that are all known, so that all can end.

Hypercorn's own `serve` waits without a limit for open connections from Python 3.12.1 on
(https://github.com/pgjones/hypercorn/issues/308), and ends the app only after that. Here the
streams end first, then the connections that are left, then the app.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from quart import Quart

from conf.settings import Web
from web.access.limits import ConcurrencyLimiter
from web.access.refusals import Refusals
from web.server.accept import Acceptor, connections_max
from web.server.certificate import Certificate
from web.server.handover import Connection, connect
from web.server.hypercorn import HypercornConnection

log = logging.getLogger(__name__)

ANY_HOST = {"0.0.0.0", "::"}  # noqa: S104 - to listen on all addresses
BACKLOG = 4096  # connections that wait to be accepted: after a restart all clients come at once
KEEP_ALIVE_SECONDS = 15  # for the next request on a connection
# The same behind a proxy. It must close an unused connection first, or a request that crosses the
# end is answered with 502: nginx does so after 60 s, Caddy after 120, Google's after 600.
PROXY_KEEP_ALIVE_SECONDS = 620
# That the kernel waits longer than the app for a client that takes nothing.
KERNEL_EXTRA_SECONDS = 5
UNSENT_BYTES = 16 * 1024  # that the kernel holds for a client, apart from what it is sending
CONNECTIONS_PER_STREAM = 6  # of one address: a browser may open six while it loads the page
GRACE_SECONDS = 0.7  # for clients to receive the end of their streams
REQUEST_SECONDS = 2.5  # after that for requests under way, such as a post that Kafka has not taken


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Open a listening socket; the kernel spreads connections over the shared ones of a port.

    The host "::" listens for IPv4 too.

    Raises:
        OSError: The address is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(
        (host, port), family=family, backlog=BACKLOG, reuse_port=shared, dualstack_ipv6=both
    )


def listen_shared(host: str, port: int, count: int) -> list[socket.socket]:
    """Open `count` listening sockets on one port, 0 for any.

    Raises:
        OSError: The address is not available, or another program shares it.
    """
    listen(host, port).close()
    sockets = [listen(host, port, shared=True)]
    port = sockets[0].getsockname()[1]
    return sockets + [listen(host, port, shared=True) for _ in range(count - 1)]


def url(web: Web, sock: socket.socket) -> str:
    """Return the address to open in a browser, and whether every other address leads here."""
    host, port = sock.getsockname()[:2]
    others = " and every other address of this machine" if host in ANY_HOST else ""
    host = "127.0.0.1" if others else f"[{host}]" if ":" in host else host
    return f"{'https' if web.certificate else 'http'}://{host}:{port}{others}"


class Server:
    """Serves an app on a listening socket.

    Args:
        app: The app, which finds its `Connection` in the state of each request.
        web: The settings.
        end_streams: Called first when the server ends.
        refusals: Counts the connections that are refused.
    """

    def __init__(
        self,
        app: Quart,
        web: Web,
        end_streams: Callable[[], None],
        refusals: Refusals | None = None,
    ) -> None:
        self._app = app
        self._asgi = ASGIWrapper(app)
        self._config = _config(web)
        self._stall_seconds = web.stall_seconds
        self._end_streams = end_streams
        self._certificate = Certificate(self._config)
        total = connections_max()
        self._limiter = ConcurrencyLimiter(total, _connections_each(web, total))
        self._refusals = refusals or Refusals()
        self._context = WorkerContext(None)
        self._tasks: set[asyncio.Task[None]] = set()
        self._transports: set[asyncio.WriteTransport] = set()  # of all open connections
        self._busy: set[asyncio.WriteTransport] = set()  # of those with a request under way
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._transports)

    def transports(self) -> list[asyncio.WriteTransport]:
        """Return the transports of all open connections."""
        return list(self._transports)

    async def serve(self, sock: socket.socket, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set, then end within four seconds, then end the app."""
        await self._app.startup()
        _bound_clients(sock, self._stall_seconds)
        acceptor = Acceptor(sock, self._limiter, self._start, self._refusals)
        acceptor.open()
        watching = asyncio.create_task(self._certificate.watch())
        await stopping.wait()
        watching.cancel()
        acceptor.close()
        await self._end()
        await self._app.shutdown()

    def _start(self, client: socket.socket, release: Callable[[], None]) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(client, release))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket, release: Callable[[], None]) -> None:
        """Let Hypercorn serve a connection until it is closed or handed over."""
        try:
            connection = await connect(client, self._certificate.context)
        except OSError:
            release()
            return
        self._transports.add(connection.transport)
        connection.on_closed = partial(self._forget, connection.transport, release)
        try:
            await self._serve_requests(connection)
        finally:
            self._busy.discard(connection.transport)
            if not connection.is_handed_over:
                connection.on_closed()

    async def _serve_requests(self, connection: Connection) -> None:
        await HypercornConnection(
            self._busy,
            self._asgi,
            asyncio.get_running_loop(),
            self._config,
            self._context,
            {"connection": connection},
            connection.reader,
            connection,
        )

    def _forget(self, transport: asyncio.WriteTransport, release: Callable[[], None]) -> None:
        release()
        self._transports.remove(transport)
        if not self._transports:
            self._empty.set()

    async def _end(self) -> None:
        """End the streams, let requests that are under way finish, and drop what is left."""
        self._end_streams()
        await self._context.terminated.set()
        await self._wait_until_empty(GRACE_SECONDS)
        self._drop(self._transports - self._busy)
        await self._wait_until_empty(REQUEST_SECONDS)
        self._drop(self._transports)
        await self._wait_until_empty(GRACE_SECONDS)
        for task in self._tasks:
            task.cancel()

    def _drop(self, transports: set[asyncio.WriteTransport]) -> None:
        if transports:
            log.info("dropping %d clients that did not receive their end", len(transports))
        for transport in transports:
            transport.abort()

    async def _wait_until_empty(self, seconds: float) -> None:
        self._empty.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds if self._transports else 0):
                await self._empty.wait()


def _bound_clients(sock: socket.socket, stall_seconds: float) -> None:
    """Let the kernel drop clients that vanish or read nothing, and buffer little for each.

    It sends what is written at once. asyncio sees to that only for sockets of its own; without it a
    body waits until the client has acknowledged the head, 40 ms on Linux.
    """
    milliseconds = int((stall_seconds + KERNEL_EXTRA_SECONDS) * 1000)
    for name, value in {
        "TCP_NODELAY": 1,
        "TCP_USER_TIMEOUT": milliseconds,
        "TCP_NOTSENT_LOWAT": UNSENT_BYTES,
    }.items():
        if option := getattr(socket, name, None):  # macOS lacks some
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _connections_each(web: Web, total: int) -> int:
    """Return how many connections an address may have, 0 for any: a proxy has all of them."""
    wanted = web.streams_per_client * CONNECTIONS_PER_STREAM
    return 0 if web.trusted_proxies else min(wanted, max(1, total // 2))


def _config(web: Web) -> Config:
    config = Config()
    config.keep_alive_timeout = (
        PROXY_KEEP_ALIVE_SECONDS if web.trusted_proxies else KEEP_ALIVE_SECONDS
    )
    config.alpn_protocols = ["http/1.1"]
    config.include_server_header = False
    config.certfile = web.certificate or None
    config.keyfile = web.private_key or None
    config.errorlog = logging.getLogger("hypercorn.error")
    return config

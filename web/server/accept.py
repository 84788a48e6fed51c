"""Accept connections, as many as the limits allow, without ever spinning.

asyncio's own server retries thousands of times a second when descriptors run out, and logs each
try.
"""

import asyncio
import errno
import logging
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from web.access.forwarded import client_address
from web.access.limits import ConcurrencyLimiter
from web.access.refusals import Refusals

log = logging.getLogger(__name__)

AT_ONCE = 100  # connections that are accepted before the open ones are served again
PAUSE_SECONDS = 1.0  # when the machine has no descriptor or memory left
ENOUGH = 65_536  # descriptors, where there is no limit
RESERVED = 100  # descriptors for Kafka, files and the listening socket

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

OnConnection = Callable[[socket.socket, Callable[[], None]], object]


def connections_max() -> int:
    """Raise the limit of open files as far as allowed; return how many connections that leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else hard
    if wanted > soft:
        with suppress(ValueError, OSError):  # macOS allows less than the limit that it reports
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(1, soft - RESERVED)


class Acceptor:
    """Accepts connections within the limits, and closes all others at once.

    Args:
        sock: The listening socket.
        limiter: Of connections, in all and for each address.
        on_connection: Called with the socket of a connection, and with what must be called once
            when that is closed.
        refusals: Counts the connections that are closed.
    """

    def __init__(
        self,
        sock: socket.socket,
        limiter: ConcurrencyLimiter,
        on_connection: OnConnection,
        refusals: Refusals,
    ) -> None:
        self._sock = sock
        self._limiter = limiter
        self._on_connection = on_connection
        self._refusals = refusals
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Start accepting."""
        self._pause = None
        self._sock.settimeout(0)
        self._loop.add_reader(self._sock, self._accept)

    def close(self) -> None:
        """Stop accepting, and close the listening socket."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                client, address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause_accepting(error)
                return
            self._admit(client, client_address(address[0], [], 0))

    def _admit(self, client: socket.socket, address: str) -> None:
        if limit := self._limiter.acquire(address):
            self._refusals.add("connection", limit, address)
            client.close()
            return
        client.settimeout(0)
        self._on_connection(client, partial(self._limiter.release, address))

    def _pause_accepting(self, error: OSError) -> None:
        if error.errno not in _EXHAUSTED:
            raise error
        log.warning("no connection can be accepted for %g s: %s", PAUSE_SECONDS, error.strerror)
        self._loop.remove_reader(self._sock)
        self._pause = self._loop.call_later(PAUSE_SECONDS, self.open)

"""The door: accepts clients, as many as there may be, and never spins where it cannot.

asyncio's own server, when descriptors run out, tries thousands of times a second and logs each.
"""

import asyncio
import errno
import logging
import resource
import socket
from collections.abc import Callable

from web.access import limits
from web.access.limits import ConcurrencyLimiter

log = logging.getLogger(__name__)

AT_ONCE = 100  # clients that are let in before the open ones get their turn
REST_SECONDS = 1.0  # when the machine has no descriptor or memory left
RESERVED = 100  # descriptors for all but clients: Kafka, files, the listening socket

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

Welcome = Callable[[socket.socket, Callable[[], None]], object]


def connections_max() -> int:
    """Raise the limit of open files as far as allowed, and say how many clients that leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return soft - RESERVED
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(1, hard - RESERVED)


class Acceptor:
    """Lets clients in, one place for each; who finds none is sent away at once.

    Args:
        sock: That clients connect to.
        places: For connections, in all and of each client.
        welcome: Takes a client's socket, and what to call when the client has gone.
    """

    def __init__(self, sock: socket.socket, places: ConcurrencyLimiter, welcome: Welcome) -> None:
        self._sock = sock
        self._places = places
        self._welcome = welcome
        self._loop = asyncio.get_running_loop()
        self._rest: asyncio.TimerHandle | None = None
        self.refused = 0  # ever

    def open(self) -> None:
        """Begin to let clients in."""
        self._rest = None
        self._sock.settimeout(0)
        self._loop.add_reader(self._sock, self._accept)

    def close(self) -> None:
        """Let nobody in any more."""
        if self._rest is not None:
            self._rest.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                client, address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._wait(error)
                return
            self._let_in(client, limits.client(address[0], [], 0))

    def _let_in(self, client: socket.socket, name: str) -> None:
        if not self._places.take(name):
            self.refused += 1
            client.close()
            return
        client.settimeout(0)
        self._welcome(client, lambda: self._places.leave(name))

    def _wait(self, error: OSError) -> None:
        if error.errno not in _EXHAUSTED:
            raise error
        log.warning("no client can be let in for %g s: %s", REST_SECONDS, error.strerror)
        self._loop.remove_reader(self._sock)
        self._rest = self._loop.call_later(REST_SECONDS, self.open)

"""The data directory and the ports of a broker: locked, and free."""

import contextlib
import fcntl
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from conf.settings import Address, InvalidSettings, Settings
from local import children

HOST = "127.0.0.1"
RELEASE_SECONDS = 3  # a broker that was just killed may still use them
POLL_SECONDS = 0.05


class Taken(RuntimeError):  # noqa: N818 - what the claim is
    """Another program uses it; the text names it and the remedy."""


@contextlib.contextmanager
def directory(path: Path) -> Iterator[int]:
    """Lock a directory for the length of the block; yields the descriptor of the lock.

    A process that inherits the descriptor keeps the lock until it ends.

    Raises:
        Taken: A broker has the lock, and still has it after 3 s.
    """
    with (path / "lock").open("w") as lock:
        if not eventually(lambda: _locks(lock), RELEASE_SECONDS):
            msg = f"{path} belongs to a broker that runs: stop that one, or choose another --data"
            raise Taken(msg)
        yield lock.fileno()


def ports(*wanted: int) -> Sequence[int]:
    """Return the wanted ports of 127.0.0.1, 0 for any, all free.

    Raises:
        Taken: A program listens on one of them, and still does after 3 s.
    """
    found: list[int] = []
    if not eventually(lambda: _binds(wanted, found), RELEASE_SECONDS):
        msg = f"port {found[-1]} is taken: stop what listens there, or choose another --port"
        raise Taken(msg)
    return found


def port_of(settings: Settings, brokers: int = 1) -> int:
    """Return the port of `bootstrap_servers` where the first broker of this machine listens.

    The setting names the first broker, or all of them, on consecutive ports.

    Raises:
        InvalidSettings: They name another machine, or other brokers.
    """
    host, port = settings.brokers[0]
    every = [Address(host, port + number) for number in range(brokers)]
    if host not in {HOST, "localhost"} or settings.brokers not in (every[:1], every):
        wanted = ",".join(f"{HOST}:{9092 + number}" for number in range(brokers))
        msg = (
            f"setting bootstrap_servers: Kafka runs on {HOST} here, such as {wanted} "
            f"(it is {settings.bootstrap_servers!r})"
        )
        raise InvalidSettings(msg)
    return port


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether a condition becomes true in time; it is checked twenty times a second.

    Raises SystemExit after a signal: see `children.exit_on_signals`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        children.exit_if_asked()
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _locks(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _binds(wanted: Sequence[int], found: list[int]) -> bool:
    """Bind all ports at once, so that they differ; `found` ends with the first that is not free."""
    found.clear()
    with contextlib.ExitStack() as stack:
        for port in wanted:
            probe = stack.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                found.append(port)
                return False
            found.append(probe.getsockname()[1])
    return True

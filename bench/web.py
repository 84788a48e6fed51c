"""The web app as a process that is measured."""

import http
import http.client
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bench.runs import Candidate, start, stop
from local.claims import ports

READY_SECONDS = 60


@contextmanager
def serving(environment: Mapping[str, str], *arguments: str) -> Iterator[tuple[int, int]]:
    """Run the web app for the length of the block; yields its port and its process id when ready.

    Raises:
        TimeoutError: It is not ready within 60 s.
    """
    (port,) = ports(0)
    given = {**environment, "LEADERBOARD_WEB__PORT": str(port)}
    processes = start(Candidate("web", "web", arguments), given)
    try:
        await_ready(port)
        yield port, processes[0].pid
    finally:
        stop(processes)


def await_ready(port: int) -> None:
    """Wait until the web app is ready, 60 s at most.

    Raises:
        TimeoutError: It was not.
    """
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if _is_ready(port):
            return
        time.sleep(0.2)
    msg = f"the web app was not ready within {READY_SECONDS} s"
    raise TimeoutError(msg)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()

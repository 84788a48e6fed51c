"""The web app as a real process, for tests."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from local.claims import ports
from tests.support.ending import ending
from tests.support.until import until_true

READY_SECONDS = 60
STOP_SECONDS = 5


class Web(NamedTuple):
    """The web app, and its process."""

    address: str
    process: subprocess.Popen[bytes]


@contextmanager
def web(names: Mapping[str, str]) -> Iterator[str]:
    """Run the web app for the length of the block; yield its address once it is ready."""
    with started(names) as found:
        yield found.address


@contextmanager
def started(names: Mapping[str, str], path: str = "/ready", **how: Any) -> Iterator[Web]:
    """Run the web app for the length of the block; yield it once it answers a path with 200.

    Its port is the one in `names`, or any. The block may end the process; else that must be clean.
    """
    port = names.get("LEADERBOARD_WEB__PORT") or str(ports(0)[0])
    environment = {**os.environ, **names, "LEADERBOARD_WEB__PORT": port}
    process = subprocess.Popen([sys.executable, "-m", "web"], env=environment, **how)
    found = Web(f"http://127.0.0.1:{port}", process)
    with ending(process, STOP_SECONDS):
        until_true(lambda: is_ready(found.address, path), READY_SECONDS)
        yield found
        was_ended = process.poll() is not None
    assert was_ended or process.returncode == 0


def is_ready(address: str, path: str = "/ready") -> bool:
    """Return whether the web app shows what Kafka has, or answers another path."""
    try:
        return httpx.get(address + path).status_code == 200
    except httpx.TransportError:
        return False

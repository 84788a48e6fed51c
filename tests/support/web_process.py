"""The web app as a real process, for tests."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from local.claims import ports
from tests.support.until import until_true

READY_SECONDS = 30
STOP_SECONDS = 5


@contextmanager
def web(names: Mapping[str, str]) -> Iterator[str]:
    """Run the web app for the length of the block; yield its address once it is ready.

    Its port is the one in `names`, or any.
    """
    port = names.get("LEADERBOARD_WEB__PORT") or str(ports(0)[0])
    environment = {**os.environ, **names, "LEADERBOARD_WEB__PORT": port}
    process = subprocess.Popen([sys.executable, "-m", "web"], env=environment)
    try:
        address = f"http://127.0.0.1:{port}"
        until_true(lambda: is_ready(address), READY_SECONDS)
        yield address
    finally:
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0


def is_ready(address: str) -> bool:
    """Return whether the web app shows what Kafka has."""
    try:
        return httpx.get(f"{address}/ready").status_code == 200
    except httpx.TransportError:
        return False

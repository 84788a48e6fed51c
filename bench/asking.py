"""Asks the web app for ranks: `python -m bench.asking PORT USERS SECONDS`."""

import asyncio
import json
import sys
import time
from contextlib import closing

from bench.facts import Row
from bench.users import LATE_SECONDS, REQUESTS, any_user, random_below, summary

CONNECTIONS = 50
PAUSE_SECONDS = CONNECTIONS / REQUESTS  # between two requests on a connection
ANSWER_SECONDS = 10
PATH = "/boards/all-time/users/"


async def measure(port: int, users: int, seconds: float) -> Row:
    """Ask on some connections, each at its own pace."""
    times: list[float] = []
    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(_ask(port, users, started + seconds, times))
    return summary(times, time.monotonic() - started)


async def _ask(port: int, users: int, until: float, times: list[float]) -> None:
    """Ask whenever a request is due; note the ms from then to its answer.

    A server that stands still delays all requests that are due meanwhile, and each of them counts.
    Those that are not sent 10 s after the end are not asked any more: then the rate is missed.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    due = time.monotonic() + PAUSE_SECONDS * random_below(1_000) / 1_000
    with closing(writer):
        while due < until and time.monotonic() < until + LATE_SECONDS:
            await asyncio.sleep(max(0, due - time.monotonic()))
            path = PATH + any_user(users).decode()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await _await_rank(reader)
            times.append((time.monotonic() - due) * 1_000)
            due += PAUSE_SECONDS


async def _await_rank(reader: asyncio.StreamReader) -> None:
    """Read an answer, which must have a rank.

    Raises:
        TimeoutError: None came within 10 s.
        ValueError: It has no rank.
    """
    async with asyncio.timeout(ANSWER_SECONDS):
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length))
    if b'"rank":' not in body:
        raise ValueError(head + body)


if __name__ == "__main__":
    measuring = measure(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    print(json.dumps(asyncio.run(measuring)))

"""Several processes on one port, each with a listening socket that its parent holds too.

The kernel spreads connections over the sockets, and those on the socket of a worker that has died
wait for its successor. At the end the parent closes all sockets first, so that nobody waits for a
worker that no longer accepts. `local.supervisor` runs the workers, each a group of its own.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from socket import socket

from local.supervisor import CLEAN_STATUSES, Member, Supervisor

UNAVAILABLE = os.EX_UNAVAILABLE  # of a worker that cannot serve; later, Kafka may be away
STOP_SECONDS = 7  # for all to end, before they are killed: 4 for clients, 3 for Kafka


async def run_workers(sockets: Sequence[socket], stopping: asyncio.Event, folder: str) -> int:
    """Run a worker for each socket until `stopping`; return 0 if all have ended cleanly.

    They share their metrics in the folder. One that cannot serve at its first start ends all.
    """
    runs = [
        _run_worker(partial(_members, number, sock.fileno(), folder), stopping)
        for number, sock in enumerate(sockets)
    ]
    closing = asyncio.create_task(_close(sockets, stopping))  # waits before the others do
    statuses = await asyncio.gather(*runs)
    await closing
    return 0 if set(statuses) <= CLEAN_STATUSES else 1


async def _run_worker(start: Callable[[], Sequence[Member]], stopping: asyncio.Event) -> int:
    supervisor = Supervisor(start, stop_seconds=STOP_SECONDS)
    status = await supervisor.run(stopping)
    stopping.set()
    return status


def _members(number: int, descriptor: int, folder: str) -> Sequence[Member]:
    command = [sys.executable, "-m", "web"]
    command += ["--worker", str(number), "--socket", str(descriptor), "--folder", folder]
    return [Member(f"worker {number}", command, [descriptor])]


async def _close(sockets: Sequence[socket], stopping: asyncio.Event) -> None:
    await stopping.wait()
    for sock in sockets:
        sock.close()

"""Several processes on one port: a parent that starts them, replaces those that die, and ends all.

Each worker has a listening socket of its own on the port, and the parent holds these sockets too.
The kernel spreads connections over them, and those on the socket of a worker that has died wait for
its successor. At the end the parent closes them first, so that nobody waits for a worker that no
longer accepts. A worker reads from a pipe that only the parent could write to, and so notices when
the parent has ended.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from socket import socket

log = logging.getLogger(__name__)

# Of a worker that cannot serve. If it is the first with its number, a setting or topic is wrong and
# no successor could serve; if not, Kafka may be away for a while.
UNAVAILABLE = os.EX_UNAVAILABLE
PAUSE_SECONDS = (0, 1, 2, 5)  # before one that died is replaced, by how many died young in a row
YOUNG_SECONDS = 10
CLEAN_STATUSES = {0, -signal.SIGTERM}  # the latter of one that had not started yet
STOP_SECONDS = 7  # for all to end, before they are killed: 4 for clients, 3 for Kafka


class Workers:
    """The workers, one for each listening socket."""

    def __init__(self, sockets: Sequence[socket], stopping: asyncio.Event) -> None:
        self._sockets = sockets
        self._stopping = stopping
        self._processes: dict[int, Process] = {}

    async def run(self) -> int:
        """Keep all running until `stopping`, then end them; return 0 if all have ended cleanly."""
        runs = [self._keep_running(number, sock) for number, sock in enumerate(self._sockets)]
        end = asyncio.create_task(self._end())
        statuses = await asyncio.gather(*runs)
        end.cancel()
        return 0 if set(statuses) <= CLEAN_STATUSES else 1

    async def _keep_running(self, number: int, sock: socket) -> int:
        """Run a worker and its successors; return the status of the last."""
        loop = asyncio.get_running_loop()
        died_young = 0
        is_first = True
        while not self._stopping.is_set():
            started = loop.time()
            status = await self._run_worker(number, sock)
            if self._stopping.is_set():
                return status
            if status == UNAVAILABLE and is_first:
                self._stopping.set()
                return status
            is_first = False
            died_young = died_young + 1 if loop.time() - started < YOUNG_SECONDS else 0
            pause = PAUSE_SECONDS[min(died_young, len(PAUSE_SECONDS) - 1)]
            log.error("worker %d ended with %d; another starts in %d s", number, status, pause)
            await self._wait(pause)
        return 0

    async def _run_worker(self, number: int, sock: socket) -> int:
        command = ("-m", "web", "--worker", str(number), "--socket", str(sock.fileno()))
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=PIPE, pass_fds=[sock.fileno()], start_new_session=True
        )
        self._processes[number] = process
        if self._stopping.is_set():
            process.terminate()
        try:
            return await process.wait()
        finally:
            del self._processes[number]

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _end(self) -> None:
        await self._stopping.wait()
        for sock in self._sockets:
            sock.close()
        for process in self._processes.values():
            process.terminate()
        await asyncio.sleep(STOP_SECONDS)
        for number, process in self._processes.items():
            log.error("worker %d has not ended within %g s, and is killed", number, STOP_SECONDS)
            process.kill()

"""Runs processes on this machine, starts them again when they end, and leaves none behind.

**Members of a group** begin and end together, because a process of a Bytewax cluster cannot be
replaced alone. When one ends, the others are ended too, and the group starts again:

    75  at once: the process asked for it
    77  not at all: another program has taken over
    69  not at all, at the first start: a worker of the web app cannot serve
    any other: after 0, 1, 2, then 5 s, by how many groups in a row have ended within 10 s

**No process outlives its supervisor.** The standard input of a member is a socket whose other end
only the supervisor holds. A member that reads its end (`follow_parent`) notices when the supervisor
has ended, however that came about. On Linux the kernel kills it too, even where it is paused.

**No process stands still.** A member that follows writes to this socket once a second, from a
thread. One that does not is paused, or its interpreter is blocked, and every watch inside it too.

This module imports nothing of the project but `local.children`, so all programs may use it.
"""

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
import threading
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from local import children

log = logging.getLogger(__name__)

End = tuple[str, int]  # the name of a member and its status

PAUSES = (0, 1, 2, 5)  # seconds
YOUNG_SECONDS = 10
CLEAN_STATUSES = {0, -signal.SIGTERM}  # the latter of a process that was still loading
FOLLOWS = "LIVE_AS_LONG_AS_STDIN"  # variable of the environment of a member
TICK_SECONDS = 1.0
STARTUP_SECONDS = 60.0  # to the first sign of life
SIGNS = 4096  # of life, read at a time
EXIT_SECONDS = 5.0  # after SIGTERM, for a member whose supervisor has ended


class Member(NamedTuple):
    """A process to run: its name in the log, its command, and what it inherits."""

    name: str
    command: Sequence[str]
    descriptors: Sequence[int] = ()
    environment: Mapping[str, str] = MappingProxyType({})  # on top of the supervisor's own


class Supervisor:
    """Runs one group, whose members `start` names anew for each start.

    What a member prints goes to `on_line`, line by line; without it, to the supervisor's own
    output. One that stands still for `stall_seconds` is killed.
    """

    def __init__(
        self,
        start: Callable[[], Sequence[Member]],
        *,
        stop_seconds: float,
        stall_seconds: float = math.inf,
        on_line: Callable[[str, str], None] | None = None,
    ) -> None:
        self._start = start
        self._stop_seconds = stop_seconds
        self._stall_seconds = stall_seconds
        self._on_line = on_line
        self._processes: dict[str, Process] = {}
        self._ends: list[End] = []
        self._is_ending = False

    async def run(self, stopping: asyncio.Event) -> int:
        """Keep the group running until `stopping`, or until it must not start again.

        Returns the status of a member of the last group, one that is not clean where there is one.
        Members have `stop_seconds` to end after SIGTERM, then they are killed.
        """
        clock = asyncio.get_running_loop().time
        is_first, ended_young = True, 0
        while not stopping.is_set():
            started = clock()
            name, status = await self._run_group(stopping)
            is_final = status == os.EX_NOPERM or (is_first and status == os.EX_UNAVAILABLE)
            if is_final:
                log.error("%s ended with status %d, and does not start again", name, status)
            if stopping.is_set() or is_final:
                return status
            is_first = False
            ended_young = ended_young + 1 if clock() - started < YOUNG_SECONDS else 0
            pause = 0 if status == os.EX_TEMPFAIL else PAUSES[min(ended_young, len(PAUSES) - 1)]
            log.error("%s ended with status %d, starts again in %d s", name, status, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)
        return 0

    async def _run_group(self, stopping: asyncio.Event) -> End:
        """Run the members until one ends or `stopping`; return the end that says most."""
        self._ends, self._is_ending = [], False
        runs = [asyncio.create_task(self._run(member)) for member in self._start()]
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait([stop, *runs], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        self._is_ending = True
        self._signal(signal.SIGTERM)
        await asyncio.wait(runs, timeout=self._stop_seconds)
        for name in self._processes:
            log.error("%s has not ended within %g s, and is killed", name, self._stop_seconds)
        self._signal(signal.SIGKILL)
        await asyncio.gather(*runs)
        return min(self._ends, key=_weight)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def _run(self, member: Member) -> None:
        """Run a member to its end, and note how it ended."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = await self._spawn(member, theirs)
            if process is None:
                return
            self._processes[member.name] = process
            if self._is_ending:
                self._signal(signal.SIGTERM)
            watch = asyncio.create_task(self._watch(member.name, process, ours))
            await self._print_lines(member.name, process)
            status = await process.wait()
            watch.cancel()
            await asyncio.wait([watch])
        del self._processes[member.name]
        self._ends.append((member.name, status))

    async def _spawn(self, member: Member, stdin: socket.socket) -> Process | None:
        stdout, stderr = (PIPE, STDOUT) if self._on_line else (None, None)
        try:
            return await asyncio.create_subprocess_exec(
                *member.command,
                env={**os.environ, **member.environment, FOLLOWS: "1"},
                stdin=stdin.fileno(),
                stdout=stdout,
                stderr=stderr,
                pass_fds=member.descriptors,
                start_new_session=True,  # the terminal's Ctrl-C goes to the supervisor alone
                preexec_fn=children.die_with_parent,
            )
        except OSError as error:
            log.error("%s cannot be started: %s", member.name, error)  # noqa: TRY400 - no fault of ours
            self._ends.append((member.name, os.EX_OSERR))
            return None

    async def _print_lines(self, name: str, process: Process) -> None:
        """Pass on what a member prints, to its end; of a line above 64 KiB not all."""
        if process.stdout is None or self._on_line is None:
            return
        while not process.stdout.at_eof():
            with contextlib.suppress(ValueError):  # it was too long
                if line := await process.stdout.readline():
                    self._on_line(name, line.decode(errors="replace").rstrip())

    async def _watch(self, name: str, process: Process, sock: socket.socket) -> None:
        """Kill a member that stands still, by own ticks: the supervisor may be paused too."""
        if self._stall_seconds == math.inf:
            return
        sock.settimeout(0)
        limit, ticks = STARTUP_SECONDS, 0
        while ticks * TICK_SECONDS <= limit:
            await asyncio.sleep(TICK_SECONDS)
            ticks += 1
            with contextlib.suppress(BlockingIOError):
                sock.recv(SIGNS)
                limit, ticks = self._stall_seconds, 0
        log.critical("%s has stood still for %g s, and is killed", name, limit)
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def _weight(end: End) -> int:
    """Rank ends by importance: taken over, to be restarted, failed, clean."""
    order = (os.EX_NOPERM, os.EX_TEMPFAIL)
    status = end[1]
    return order.index(status) if status in order else 2 + (status in CLEAN_STATUSES)


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    for number in children.STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


def follow_parent() -> None:
    """End this process when the supervisor that started it has ended; without one, do nothing.

    It then gets SIGTERM, and is ended 5 s later if that was in vain. Call it where SIGTERM is
    handled already, or blocked: the thread that is started inherits the mask.
    """
    if os.environ.pop(FOLLOWS, None):
        threading.Thread(target=_follow, name="follow-parent", daemon=True).start()


def _follow() -> None:
    with socket.socket(fileno=os.dup(0)) as sock:
        sock.settimeout(TICK_SECONDS)
        with contextlib.suppress(ConnectionError):
            while _is_open(sock):
                pass
    log.error("the parent process has ended")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(EXIT_SECONDS)
    os._exit(1)


def _is_open(sock: socket.socket) -> bool:
    """Wait for a tick, and give a sign of life; return False if the parent has ended."""
    with contextlib.suppress(TimeoutError):
        sock.send(b".")  # a parent that is paused may leave it no room
    with contextlib.suppress(TimeoutError):
        return bool(sock.recv(1))
    return True

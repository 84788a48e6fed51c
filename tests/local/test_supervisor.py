"""Groups of real processes: when they start again, how they end, and that none is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest

from local import supervisor
from local.supervisor import Member, Supervisor
from tests import ROOT
from tests.support.proc import is_alive
from tests.support.until import until, until_true
from tests.test_platforms import LACKING

WAITING = "import signal; signal.pause()"
FOLLOWING = f"from local.supervisor import follow_parent; follow_parent(); {WAITING}"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(); {WAITING}"
NAMED = f"import os; print(os.getpid()); {FOLLOWING}"

# Runs one member that follows, and prints its process when it runs.
PARENT = f"""
import asyncio, sys
from local.supervisor import Member, Supervisor
start = lambda: [Member("a", [sys.executable, "-c", {NAMED!r}])]
on_line = lambda name, line: print(line, flush=True)
asyncio.run(Supervisor(start, stop_seconds=5, on_line=on_line).run(asyncio.Event()))
"""


def member(code, name="a"):
    return Member(name, [sys.executable, "-uc", code])


class Group:
    """A supervisor under test: the processes that it has started, and what they have printed."""

    def __init__(self, *members, **how):
        self.starts = 0
        self.lines = []
        self._members = members
        self.stopping = asyncio.Event()
        how = {"stop_seconds": 5, **how}
        self.supervisor = Supervisor(self._start, on_line=self._note, **how)

    def _start(self):
        self.starts += 1
        return self._members

    def _note(self, name, line):
        self.lines.append((name, line))

    @property
    def processes(self):
        return self.supervisor._processes  # noqa: SLF001

    async def run(self):
        return await asyncio.wait_for(self.supervisor.run(self.stopping), 30)

    @asynccontextmanager
    async def running(self):
        run = asyncio.create_task(self.run())
        try:
            yield run
        finally:
            self.stopping.set()
            await run


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(supervisor, "PAUSES", (0, 0.01, 0.02, 0.03))


@pytest.mark.usefixtures("quick")
async def test_a_group_that_ends_starts_again_until_another_program_has_taken_over(tmp_path):
    turns = f"import os, sys; n = len(os.listdir({str(tmp_path)!r}))"
    turns += f"; open({str(tmp_path)!r} + f'/{{n}}', 'w'); sys.exit([1, 69, 0, 77][n])"
    group = Group(member(turns))

    assert await group.run() == 77
    assert group.starts == 4


async def test_a_group_whose_first_start_is_in_vain_does_not_start_again():
    group = Group(member("raise SystemExit(69)"))

    assert await group.run() == 69
    assert group.starts == 1


async def test_a_restart_that_was_asked_for_comes_at_once_and_others_after_growing_pauses(caplog):
    async with Group(member("raise SystemExit(75)")).running():
        await until(lambda: caplog.text.count("status 75, starts again in 0 s") == 3, 20)
    async with Group(member("raise SystemExit(3)")).running():
        await until(lambda: "status 3, starts again in 2 s" in caplog.text, 20)

    pauses = [line[-3:] for line in caplog.messages if "status 3" in line]
    assert pauses == ["1 s", "2 s"]


async def test_one_that_ends_takes_the_others_with_it_and_its_status_counts(caplog):
    end = "import time; time.sleep(0.2); raise SystemExit(77)"
    group = Group(member(WAITING, "a"), member(end, "b"), member(WAITING, "c"))

    assert await group.run() == 77
    assert not group.processes
    assert caplog.messages == ["b ended with status 77, and does not start again"]


async def test_a_command_that_does_not_exist_is_tried_again(caplog):
    async with Group(Member("a", ["/no/such"])).running():
        await until(lambda: "a ended with status 71, starts again in 1 s" in caplog.text)

    assert "a cannot be started: [Errno 2]" in caplog.text


async def test_a_stop_ends_all_and_kills_what_does_not_end(caplog):
    group = Group(member(STUBBORN, "a"), member(WAITING, "b"), stop_seconds=0.5)
    async with group.running() as run:
        await until(lambda: group.lines)
        processes = list(group.processes.values())
        group.stopping.set()

        assert await run == -signal.SIGKILL
    assert [process.returncode for process in processes] == [-signal.SIGKILL, -signal.SIGTERM]
    assert caplog.messages == ["a has not ended within 0.5 s, and is killed"]


async def test_lines_carry_the_name_of_their_process_however_long_they_are():
    group = Group(member("print('x' * 200_000); print('end')", "a"), member(WAITING, "b"))
    async with group.running():
        await until(lambda: ("a", "end") in group.lines)


async def test_one_that_is_paused_is_killed_and_the_group_starts_again(caplog, monkeypatch):
    monkeypatch.setattr(supervisor, "TICK_SECONDS", 0.1)
    following = f"from local import supervisor as s; s.TICK_SECONDS = 0.1; print(); {FOLLOWING}"
    group = Group(member(following), stall_seconds=1)
    async with group.running():
        await until(lambda: group.lines)
        await asyncio.sleep(2)  # twice as long: it gives signs of life
        assert not caplog.messages
        os.kill(group.processes["a"].pid, signal.SIGSTOP)
        await until(lambda: group.starts == 2, 20)

    assert caplog.messages[0] == "a has stood still for 1 s, and is killed"


@pytest.mark.parametrize("platform", ["", LACKING], ids=["linux", "without prctl"])
def test_no_process_outlives_a_supervisor_that_was_killed(platform):
    command = [sys.executable, "-c", platform + PARENT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()

        until_true(lambda: not is_alive(pid), 10)

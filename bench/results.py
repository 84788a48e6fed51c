"""One run of a candidate, from its start to its checked result."""

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import IO, NamedTuple

from bench.runs import Candidate, broker_pid, cpu_seconds, memory_mib, start, stop
from bench.topics import Ends, Table
from conf.settings import Settings

LIMIT_SECONDS = 240
POLL_SECONDS = 0.02
QUIET_SECONDS = 0.3  # after which the table is compared: reading it all the while takes CPU
TAIL = 400  # characters of what a candidate said that has failed

Tables = Mapping[str, Mapping[bytes, int]]  # the best of each key, by the kind of the table


class Result(NamedTuple):
    """A run: seconds and CPU seconds from the first message to the last, peak MiB, messages.

    The messages are those of the tables of all boards, with the markers of transactions.
    `wrong` says what is wrong, and is empty where the result is right: only then its time counts.
    The CPU seconds of the broker are those of the same time; with a loop, of its whole run.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    messages: int
    broker_cpu_seconds: float = 0.0
    wrong: str = ""


class Failed(RuntimeError):  # noqa: N818 - what the candidate has
    """A candidate ended too early, or did not finish in time."""


class Moment(NamedTuple):
    """A time, and the CPU seconds that the candidate and the broker had used by then."""

    at: float
    cpu: float
    broker: float


class Run(NamedTuple):
    """A running candidate, the tables that it writes, and the right ones, by kind."""

    candidate: Candidate
    right: Tables
    tables: Mapping[str, Table]
    ends: Ends  # of all of them
    processes: Sequence[subprocess.Popen[bytes]]
    output: IO[bytes]

    @property
    def has_ended(self) -> bool:
        """Return whether one of its processes has ended."""
        return any(process.poll() is not None for process in self.processes)


def run(
    settings: Settings, candidate: Candidate, environment: Mapping[str, str], right: Tables
) -> Result:
    """Run a candidate until its tables are right or it has ended, four minutes at most."""
    names = {kind: settings.topics.of(kind).name for kind in settings.tables}
    with ExitStack() as stack:
        output = stack.enter_context(tempfile.TemporaryFile())
        ends = stack.enter_context(closing(Ends(settings, *names.values())))
        tables = {
            kind: stack.enter_context(closing(Table(settings, name)))
            for kind, name in names.items()
        }
        processes = start(candidate, environment, output)
        stack.callback(stop, processes)
        running = Run(candidate, right, tables, ends, processes, output)
        try:
            return (_await_report if candidate.reports else _await_output)(running)
        except Failed as error:
            return Result(0, 0, 0, 0, wrong=f"{error}: {_said(output)[-TAIL:]}")


def _await_report(running: Run) -> Result:
    """Wait for the end of a loop, which has measured itself."""
    before = cpu_seconds([broker_pid()])
    try:
        running.processes[0].wait(LIMIT_SECONDS)
        found = json.loads(_said(running.output))
    except (subprocess.TimeoutExpired, ValueError) as error:
        msg = "printed no report"
        raise Failed(msg) from error
    broker = cpu_seconds([broker_pid()]) - before
    is_right = found.pop("sum") in {None, sum(running.right["high_scores"].values())}
    wrong = "" if is_right else "wrong bests"
    if is_right and running.candidate.writes:
        wrong = _difference(running)
    return Result(**found, messages=running.ends.news(), broker_cpu_seconds=broker, wrong=wrong)


def _await_output(running: Run) -> Result:
    """Watch the output, and compare it each time it is quiet."""
    deadline = time.monotonic() + LIMIT_SECONDS
    count = compared = 0
    first = last = _moment(running)
    wrong = "nothing was written"
    while time.monotonic() < deadline and not running.has_ended:
        found, now = running.ends.news(), _moment(running)
        if found > count:
            first, last, count = first if count else now, now, found
        elif count > compared and now.at - last.at > QUIET_SECONDS:
            compared, wrong = count, _difference(running)
            if not wrong and running.ends.news() == count:
                return _result(running, first, last)
        time.sleep(POLL_SECONDS)
    how = "ended before its work" if running.has_ended else f"not done within {LIMIT_SECONDS} s"
    msg = f"{how}, {wrong}"
    raise Failed(msg)


def _moment(running: Run) -> Moment:
    pids = [process.pid for process in running.processes]
    broker = cpu_seconds([broker_pid()])
    return Moment(time.monotonic(), cpu_seconds(pids), broker)


def _result(running: Run, first: Moment, last: Moment) -> Result:
    seconds, cpu, broker = (end - begin for begin, end in zip(first, last, strict=True))
    peak = sum(memory_mib(process.pid, "VmHWM") for process in running.processes)
    return Result(seconds, cpu, peak, running.ends.news(), broker)


def _difference(running: Run) -> str:
    """Say what is wrong with the tables, by the last value of each key."""
    counts = {kind: _wrong(table, running.right[kind]) for kind, table in running.tables.items()}
    return ", ".join(
        f"{count} of {len(running.right[kind]):,} bests wrong in {kind}"
        for kind, count in counts.items()
        if count
    )


def _wrong(table: Table, right: Mapping[bytes, int]) -> int:
    """Count the keys that are wrong, missing or too many."""
    found, wanted = table.read(), {key: b"%d" % score for key, score in right.items()}
    if found == wanted:
        return 0
    return sum(found.get(key) != wanted.get(key) for key in found.keys() | wanted.keys())


def _said(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")

"""One run of a candidate, from its start to its checked result."""

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

from bench.game import Expected
from bench.runs import Candidate, cpu_seconds, memory_mib, start, stop
from bench.topics import Ends, last_values
from conf.settings import Settings

LIMIT_SECONDS = 240
POLL_SECONDS = 0.02
DONE_SECONDS = 0.3  # without a message, when all expected ones are there
TAIL = 400  # characters of the output of a failed candidate


class Result(NamedTuple):
    """A run: seconds and CPU seconds from the first message to the last, peak MiB, messages.

    `wrong` is the reason why the result is wrong, "" if it is right: only then its time counts.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    messages: int
    wrong: str = ""


class Failed(RuntimeError):  # noqa: N818 - what the candidate has
    """A candidate ended too early, or did not finish in time."""


class Moment(NamedTuple):
    """A time, and the CPU seconds used until then."""

    at: float
    cpu: float


class Run(NamedTuple):
    """A running candidate, and its expected result."""

    candidate: Candidate
    expected: Expected
    ends: Ends
    processes: Sequence[subprocess.Popen[bytes]]
    output: IO[bytes]

    @property
    def pids(self) -> list[int]:
        """Return the ids of its processes."""
        return [process.pid for process in self.processes]

    @property
    def has_ended(self) -> bool:
        """Return whether one of its processes has ended."""
        return any(process.poll() is not None for process in self.processes)


def run(
    settings: Settings, candidate: Candidate, environment: Mapping[str, str], expected: Expected
) -> Result:
    """Run a candidate until its work is done, and check its result."""
    ends = Ends(settings, settings.topics.high_scores.name)
    with tempfile.TemporaryFile() as output:
        running = Run(candidate, expected, ends, start(candidate, environment, output), output)
        try:
            result = (_await_report if candidate.reports else _await_output)(running)
        except Failed as error:
            result = Result(0, 0, 0, 0, f"{error}: {_said(output)[-TAIL:]}")
        finally:
            stop(running.processes)
            ends.close()
    if candidate.writes and not result.wrong:
        return result._replace(wrong=_difference(settings, expected))
    return result


def _await_report(running: Run) -> Result:
    """Wait for the end of a loop, which has measured itself."""
    try:
        running.processes[0].wait(LIMIT_SECONDS)
        found = json.loads(_said(running.output))
    except (subprocess.TimeoutExpired, ValueError) as error:
        msg = "printed no report"
        raise Failed(msg) from error
    is_right = found.pop("sum") in {None, sum(running.expected.best.values())}
    return Result(**found, messages=running.ends.news(), wrong="" if is_right else "wrong bests")


def _await_output(running: Run) -> Result:
    """Watch the output until no more messages arrive."""
    deadline = time.monotonic() + LIMIT_SECONDS
    count = 0
    first: Moment | None = None
    last: Moment | None = None
    while time.monotonic() < deadline and not running.has_ended:
        found, now = running.ends.news(), Moment(time.monotonic(), cpu_seconds(running.pids))
        if found > count:
            first, last, count = first or now, now, found
        elif first and last and now.at - last.at > _patience(running, count):
            peak = sum(memory_mib(pid, "VmHWM") for pid in running.pids)
            return Result(last.at - first.at, last.cpu - first.cpu, peak, count)
        time.sleep(POLL_SECONDS)
    msg = "ended before its work" if running.has_ended else f"not done within {LIMIT_SECONDS} s"
    raise Failed(msg)


def _patience(running: Run, messages: int) -> float:
    is_whole = messages == running.expected.improvements
    return DONE_SECONDS if is_whole else running.candidate.quiet_seconds


def _difference(settings: Settings, expected: Expected) -> str:
    """Return the error of the table, by the last value of each key, "" if it is right."""
    found = last_values(settings, settings.topics.high_scores.name)
    right = {user: b"%d" % score for user, score in expected.best.items()}
    wrong = sum(found.get(user) != score for user, score in right.items())
    return f"{wrong} of {len(right)} users wrong" if found != right else ""


def _said(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")

"""The measured programs: bare loops, our flow, and others that do the same work."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.runs import Candidate

HERE = Path(__file__).parent
BUILD_SECONDS = 300
SAID = 600  # characters

FLOW = ("dataflows.highscores", "-s", "1")
LOOP = "loop: produce"
OURS, TWO_WORKERS, TWO_PROCESSES = "ours -w 1", "ours -w 2", "ours, 2 processes"
AT_LEAST_ONCE, THREE_BOARDS = "ours, at least once", "ours, three boards"
NAIVE, QUIX = "naive Bytewax", "Quix Streams"
CACHED, EACH, TUNED = "Streams reduce", "Streams reduce, no cache", "Streams processor"


def _ours(name: str, *arguments: str, processes: int = 1, **environment: str) -> Candidate:
    """Return our flow with these arguments of Bytewax and these settings."""
    settings = {f"LEADERBOARD_{setting.upper()}": text for setting, text in environment.items()}
    return Candidate(
        name, "bytewax.run", [*FLOW, *arguments], processes=processes, environment=settings
    )


LOOPS = (
    Candidate("loop: consume", "bench.loops", ["consume"], reports=True, writes=False),
    Candidate("loop: fold", "bench.loops", ["fold"], reports=True, writes=False),
    Candidate(LOOP, "bench.loops", ["produce"], reports=True),
)
FLOWS = (
    _ours(OURS),
    _ours(TWO_WORKERS, "-w", "2"),
    _ours(TWO_PROCESSES, processes=2),
    _ours("ours, 3 processes", processes=3),
    _ours("ours, 4 processes", processes=4),
    _ours(AT_LEAST_ONCE, guarantee="at_least_once"),
)
OTHER_BOARDS = _ours(THREE_BOARDS, boards='["all-time", "day", "week"]')
BASE = (LOOPS[-1], FLOWS[0])  # every other candidate is compared with these, in the same run
STREAMS_BASE = (*BASE, FLOWS[-1])  # Kafka Streams promises at least once


class Skipped(NamedTuple):
    """A candidate that cannot be measured here, and why."""

    name: str
    why: str


def pythons() -> list[Candidate | Skipped]:
    """Return the others in Python."""
    return [Candidate(NAIVE, "bytewax.run", ["bench.naive", "-s", "1"]), _quix()]


def _quix() -> Candidate | Skipped:
    script = str(HERE / "quix.py")
    uv = shutil.which("uv")
    if uv is None:
        return Skipped(QUIX, "there is no uv to make its environment")
    for command in (
        [uv, "sync", "-q", "--script", script],
        [uv, "python", "find", "--script", script],
    ):
        done = _call(command)
        if done.returncode:
            return Skipped(QUIX, f"its environment cannot be made: {_said(done)}")
    return Candidate(QUIX, script, [], program=[done.stdout.strip()])


def javas() -> list[Candidate | Skipped]:
    """Return three Kafka Streams programs, built first if necessary."""
    ways = {CACHED: "reduce", EACH: "each", TUNED: "processor"}
    why = _build()
    if why:
        return [Skipped(name, why) for name in ways]
    classes = f"{HERE}/java/target/bench.jar:{HERE}/java/target/lib/*"
    program = ["java", "-cp", classes]
    return [Candidate(name, "bench.Highs", [way], program=program) for name, way in ways.items()]


def _build() -> str:
    """Build bench/java; return why that is not possible, or ""."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        return f"there is no {missing[0]}"
    done = _call(["mvn", "-q", "-B", "-f", str(HERE / "java" / "pom.xml"), "package"])
    return f"mvn package failed: {_said(done)}" if done.returncode else ""


def _said(done: subprocess.CompletedProcess[str]) -> str:
    """Return the first errors that a tool has printed; its advice follows them."""
    return (done.stdout + done.stderr).strip()[:SAID]


def _call(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - tools that the tree names
            command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))

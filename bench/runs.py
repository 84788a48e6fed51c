"""Candidates as processes: starting, ending, and their memory and CPU."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, NamedTuple

from local import children
from local.claims import ports

STOP_SECONDS = 10
TICKS = os.sysconf("SC_CLK_TCK")


class Candidate(NamedTuple):
    """A program to measure: its name, its module, its arguments, its number of processes.

    `program` is what runs the module. One that `reports` prints at its end what it has measured;
    any other is ended when it has written what it must. One that `writes` leaves the best of each
    user on `high-scores`. `environment` is its own.
    """

    name: str
    module: str
    arguments: Sequence[str]
    processes: int = 1
    program: Sequence[str] = (sys.executable, "-m")
    reports: bool = False
    writes: bool = True
    environment: Mapping[str, str] = MappingProxyType({})


def start(
    candidate: Candidate, environment: Mapping[str, str], output: IO[bytes] | None = None
) -> list[subprocess.Popen[bytes]]:
    """Start the processes of a candidate; what they print goes to `output`, or is dropped."""
    command = [*candidate.program, candidate.module, *candidate.arguments]
    cluster: list[list[str]] = [[]]
    if candidate.processes > 1:
        free = ports(*[0] * candidate.processes)
        addresses = ";".join(f"127.0.0.1:{port}" for port in free)
        cluster = [["-i", str(each), "-a", addresses] for each in range(candidate.processes)]
    into = output or subprocess.DEVNULL
    given = {**os.environ, **environment, **candidate.environment}
    return [
        children.start([*command, *more], env=given, stdout=into, stderr=into) for more in cluster
    ]


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes, by force after 10 s."""
    for process in processes:
        process.terminate()
    for process in processes:
        children.stop(process, STOP_SECONDS)


def memory_mib(pid: int | str, field: str = "VmRSS") -> float:
    """Return the memory of a process in MiB: now, or with `VmHWM` its peak.

    The kernel's `ru_maxrss` would not do: a process inherits it from its parent.
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return int(found[0]) / 1024 if found else 0.0


def broker_pid() -> int:
    """Return the process of the broker that this process has started."""
    for children_of in Path("/proc/self/task").glob("*/children"):
        for pid in children_of.read_text().split():
            if b"kafka.Kafka" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    msg = "this process has started no broker"
    raise LookupError(msg)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU seconds that processes have used so far, with all their threads."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / TICKS

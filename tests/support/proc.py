"""What Linux tells of a process in `/proc`."""

import os
from pathlib import Path


def is_alive(pid: int | str) -> bool:
    """Return whether a process has not ended."""
    try:
        return _fields(pid)[0] != "Z"
    except FileNotFoundError:
        return False


def cpu_seconds(pid: int | str) -> float:
    """Return how long a process has computed so far."""
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, in that order."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def _fields(pid: int | str) -> list[str]:
    """Return what stands behind the name of the program, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()

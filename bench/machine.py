"""The machine and the versions of a measurement."""

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from local.jars import KAFKA_VERSION

ROOT = Path(__file__).parent.parent


def describe() -> dict[str, str]:
    """Describe the machine, the versions, the commit and the time."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "machine": f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB",
        "versions": (
            f"CPython {platform.python_version()}, Bytewax {version('bytewax')}, confluent-kafka "
            f"{version('confluent-kafka')}, Kafka {KAFKA_VERSION}"
        ),
        "commit": _commit(),
        "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def cores(description: Mapping[str, str]) -> int:
    """Return the cores of a machine as it was described."""
    return int(description["machine"].partition(" cores ")[0])


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    found = subprocess.run(  # noqa: S603 - reads the own tree
        [git, "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"

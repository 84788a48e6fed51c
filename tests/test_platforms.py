"""macOS, by taking away on Linux what it lacks: all modules load, and children start and end."""

import subprocess
import sys

from tests import ROOT
from tests.test_architecture import MODULES

LACKING = """
import ctypes, importlib, os, select, signal, socket

load = ctypes.CDLL

class Library:
    def __getattr__(self, name):
        if name in {"malloc_trim", "prctl"}:
            raise AttributeError(name)
        return getattr(load(None), name)

ctypes.CDLL = lambda name, **how: Library() if name is None else load(name, **how)
for module, names in {
    os: ["memfd_create", "pidfd_open", "pipe2", "sched_getaffinity", "waitid"],
    select: ["epoll"],
    signal: ["pidfd_send_signal", "sigtimedwait", "sigwaitinfo"],
    socket: ["TCP_NOTSENT_LOWAT", "TCP_USER_TIMEOUT"],
}.items():
    for name in names:
        delattr(module, name)
"""


def run(code):
    """Run code on such a system; give what it prints."""
    command = [sys.executable, "-c", LACKING + code]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout


def test_every_module_loads_where_linux_is_missing():
    names = [name for name in MODULES if not name.startswith("bench")]
    code = f"print([importlib.import_module(name).__name__ for name in {names}])"

    assert run(code) == f"{names}\n"


def test_a_child_starts_and_ends_where_it_cannot_be_bound_to_its_parent():
    code = """
from local import children
child = children.start(["sleep", "60"])
children.stop(child, 5)
print(child.returncode)
"""

    assert run(code) == f"{-15}\n"


def test_freed_memory_is_kept_where_the_c_library_cannot_return_it():
    assert run("from dataflows.process import return_freed_memory as give; print(give())") == (
        "None\n"
    )

"""Child processes that never outlive their parent, and the clean end of the parent."""

import ctypes
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_asked_to_exit = threading.Event()  # set once, by a signal
# While a child is started: an exception would be dropped, or lose the child.
_starting = threading.Event()

_PR_SET_PDEATHSIG = 1  # prctl(2)
_prctl = getattr(ctypes.CDLL(None), "prctl", None)  # only Linux has it


def start(  # noqa: PLR0913 - Popen's own words
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: IO[bytes] | int | None = None,
    stderr: IO[bytes] | int | None = None,
    keep: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that Ctrl-C reaches only the parent.

    On Linux the child is killed when the thread that started it ends, for whatever reason. `keep`
    are file descriptors that stay open in the child.
    """
    _starting.set()
    try:
        return subprocess.Popen(  # noqa: S603 - only our own programs
            command,
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=keep,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - two system calls, no lock is taken
        )
    finally:
        _starting.clear()


def stop(process: subprocess.Popen[bytes], seconds: float) -> None:
    """End a process by SIGTERM, and after that many seconds by SIGKILL."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def exit_on_signals() -> None:
    """Let the first SIGINT or SIGTERM raise SystemExit(0) in the main thread, and ignore more.

    Python drops exceptions that are raised inside a finalizer or a fork hook, and none is raised
    while a child is started. Therefore every loop that waits must call `exit_if_asked`.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, _exit)


def exit_if_asked() -> None:
    """Raise SystemExit(0) if a signal has asked for it, whether it was raised before or not."""
    if _asked_to_exit.is_set():
        raise SystemExit(0)


def _exit(_number: int, _frame: FrameType | None) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    _asked_to_exit.set()
    if not _starting.is_set():
        raise SystemExit(0)


def die_with_parent() -> None:
    """Let the kernel kill this child when the thread that started it ends (Linux: prctl(2))."""
    # The parent may have blocked or ignored these signals; the child must receive them.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

"""Child processes that are never left behind, and the clean end of their parent."""

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
_starting = threading.Event()  # while a child is made: an exception would be dropped, or lose it

_PR_SET_PDEATHSIG = 1  # prctl(2)
_prctl = getattr(ctypes.CDLL(None), "prctl", None)  # only Linux has it


def start(  # noqa: PLR0913 - Popen's own words
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: IO[bytes] | int | None = None,
    stderr: IO[bytes] | int | None = None,
    keep: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that the terminal's Ctrl-C goes only to us.

    On Linux it is killed when the thread that started it ends, however that comes about.
    `keep` are file descriptors that stay open in it.
    """
    _starting.set()
    try:
        return subprocess.Popen(  # noqa: S603 - only our own programs
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
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

    Python drops what is raised inside a finalizer or a hook of fork, and nothing is raised while a
    child is made: who waits must therefore ask `exit_if_asked`.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, _exit)


def exit_if_asked() -> None:
    """Raise SystemExit(0) where a signal asked for it and that was not, or in vain, raised."""
    if _asked_to_exit.is_set():
        raise SystemExit(0)


def _exit(_number: int, _frame: FrameType | None) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    _asked_to_exit.set()
    if not _starting.is_set():
        raise SystemExit(0)


def die_with_parent() -> None:
    """Make the calling child killed when the thread that started it ends (Linux: prctl(2))."""
    # A parent may have blocked or ignored what has to reach its child.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

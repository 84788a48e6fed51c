"""Processes that end with a block of a test, whatever they do."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from typing import TypeVar

from tests.support.crowding import crowding

Process = TypeVar("Process", bound=subprocess.Popen)  # type: ignore[type-arg]


@contextlib.contextmanager
def ending(
    process: Process, seconds: float, number: signal.Signals = signal.SIGTERM
) -> Iterator[Process]:
    """Yield a process; end it by a signal after the block, unless it has ended, or else kill it.

    Raises:
        subprocess.TimeoutExpired: It did not end within `seconds` of the signal, or longer on a
            busy machine.
    """
    try:
        yield process
    finally:
        try:
            process.send_signal(number)
            process.wait(seconds * crowding())
        finally:
            process.kill()
            process.wait()

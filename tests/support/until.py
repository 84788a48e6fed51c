"""Waiting for a condition, with a limit: what tests do instead of sleeping.

Limits are those of a machine that does nothing else, and longer where it is busy.
"""

import asyncio
import inspect
import time
from collections.abc import Callable

from tests.support.crowding import crowding


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait on the event loop until the condition holds.

    Raises:
        TimeoutError: It did not within `seconds`, or longer on a busy machine.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds * crowding():
            raise _missed(condition, seconds)
        await asyncio.sleep(0.005)


def until_true(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait without an event loop until the condition holds.

    Raises:
        TimeoutError: It did not within `seconds`, or longer on a busy machine.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds * crowding():
            raise _missed(condition, seconds)
        time.sleep(0.02)


def _missed(condition: Callable[[], object], seconds: float) -> TimeoutError:
    """Return an error that has the first line of the condition."""
    try:
        lines, number = inspect.getsourcelines(condition)
    except (OSError, TypeError):
        return TimeoutError(f"not within {seconds:g} s: {condition!r}")
    return TimeoutError(f"not within {seconds:g} s: line {number}: {lines[0].strip()}")

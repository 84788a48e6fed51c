"""Waiting for a condition, with a limit: what tests do instead of sleeping."""

import asyncio
import inspect
import time
from collections.abc import Callable


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait on the event loop until the condition holds.

    Raises:
        TimeoutError: It did not within `seconds`.
    """
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - any condition will do, events are for one
                await asyncio.sleep(0.005)
    except TimeoutError as error:
        raise _missed(condition, seconds) from error


def until_true(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait without an event loop until the condition holds.

    Raises:
        TimeoutError: It did not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise _missed(condition, seconds)
        time.sleep(0.02)


def _missed(condition: Callable[[], object], seconds: float) -> TimeoutError:
    """Return an error that has the first line of the condition."""
    try:
        lines, number = inspect.getsourcelines(condition)
    except (OSError, TypeError):
        return TimeoutError(f"not within {seconds:g} s: {condition!r}")
    return TimeoutError(f"not within {seconds:g} s: line {number}: {lines[0].strip()}")

"""Waiting for a condition, with a limit: what tests do instead of sleeping."""

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait on the event loop until the condition holds.

    Raises:
        TimeoutError: It did not within `seconds`.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - any condition will do, events are for one
            await asyncio.sleep(0.005)


def until_true(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait without an event loop until the condition holds.

    Raises:
        TimeoutError: It did not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)

"""Follows `high-scores` for those who wait for their score, and only while somebody does.

Everything here happens on the event loop; what blocks, the `tail`, has one thread.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

from confluent_kafka import KafkaException

from conf.settings import Settings
from dataflows.kafka.topics import Stopped, Unavailable, WrongTopic
from web.kafka.table import TableReader
from web.posting.outcome import PendingScore

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

WAITING = 1_000  # scores that are waited for at the same time, at most
JOIN_SECONDS = 1  # before a score is written, to be there before what becomes of it
POSITIONS_SECONDS = 0.1  # between looks at how far the flow is


class ScoreWatcher:
    """One for all who wait; it reads nothing, and has no connection, before the first of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._expected: dict[bytes, set[PendingScore]] = {}
        self._thread = ThreadPoolExecutor(1, "follower")
        self._tail: TableReader | None = None
        self._joined: asyncio.Future[bool] | None = None  # says whether the tail could begin
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    @asynccontextmanager
    async def expect(self, user: bytes) -> AsyncGenerator[PendingScore | None, None]:
        """Be there for a score of the user that is written within the block.

        Gives None where nobody will know: too many wait, or the broker does not answer in a second.
        """
        if self._ended or len(self._all()) >= WAITING:
            yield None
            return
        expected = PendingScore(user)
        self._expected.setdefault(user, set()).add(expected)
        try:
            yield expected if await self._join() else None
        finally:
            self._leave(expected)

    def end(self) -> None:
        """Let nobody wait any longer."""
        self._ended = True
        for each in self._all():
            each.give_up()

    async def stop(self) -> None:
        """Close the connection, after `end`."""
        if self._task is not None:
            await self._task
        if self._tail is not None:
            await self._blocking(self._tail.close)
        self._thread.shutdown()

    def _all(self) -> list[PendingScore]:
        return [each for group in self._expected.values() for each in group]

    def _is_over(self) -> bool:
        return self._ended or not self._expected

    def _leave(self, expected: PendingScore) -> None:
        group = self._expected[expected.user]
        group.remove(expected)
        if not group:
            del self._expected[expected.user]

    async def _join(self) -> bool:
        if self._joined is None:
            self._joined = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._follow(self._joined))
        with suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self._joined), JOIN_SECONDS)
        return False

    async def _follow(self, joined: asyncio.Future[bool]) -> None:
        try:
            tail = self._tail = self._tail or TableReader(self._settings, self._is_over)
            await self._blocking(tail.begin)
            joined.set_result(True)
            await self._read(tail)
            self._joined = None  # who comes from now on begins anew
            await self._blocking(tail.pause)
        except (KafkaException, Unavailable, WrongTopic, Stopped) as error:
            await self._fail(error, joined)

    async def _fail(self, error: Exception, joined: asyncio.Future[bool]) -> None:
        if not isinstance(error, Stopped):
            log.warning("nobody is told what becomes of a score: %s", error)
        tail, self._tail, self._joined = self._tail, None, None
        if not joined.done():
            joined.set_result(False)
        for each in self._all():
            each.give_up()
        if tail is not None:
            await self._blocking(tail.close)

    async def _read(self, tail: TableReader) -> None:
        loop = asyncio.get_running_loop()
        look_at = loop.time() + POSITIONS_SECONDS
        while not self._is_over():
            for best in await self._blocking(tail.take):
                for each in self._expected.get(best.user, ()):
                    each.see(best)
            if loop.time() >= look_at:
                await self._look(tail)
                look_at = loop.time() + POSITIONS_SECONDS
            for each in self._all():
                each.read(tail.progress.read_to)

    async def _look(self, tail: TableReader) -> None:
        written = {each: each.receipt for each in self._all() if each.is_open() and each.receipt}
        if not written:
            return
        passed = await self._blocking(partial(tail.passed, set(written.values())))
        for each, receipt in written.items():
            if receipt in passed:
                each.passed(*tail.end(each.user))

    async def _blocking(self, call: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

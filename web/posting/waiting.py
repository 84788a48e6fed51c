"""Watch `high-scores` for the outcomes of posted scores, only while somebody waits for one.

Everything here runs on the event loop, but the blocking calls of the `TableReader`, which run on
one thread.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

from conf.settings import Settings
from dataflows.kafka.topics import Stopped
from web.kafka.table import TableReader
from web.kafka.unreadable import Unreadable
from web.posting.outcome import PendingScore

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

PENDING_MAX = 1_000  # scores at the same time
START_SECONDS = 1  # to start reading, before a score is written
POSITIONS_SECONDS = 0.1  # between questions for the position of the flow


class ScoreWatcher:
    """Settles all pending scores. Before the first one it has no connection."""

    def __init__(self, settings: Settings) -> None:
        self.title = f"reader of {settings.topics.high_scores.name}"
        self.errors = 0  # ever
        self.unreadable = Unreadable()
        self._settings = settings
        self._pending: dict[bytes, set[PendingScore]] = {}  # by user
        self._executor = ThreadPoolExecutor(1, "score watcher")
        self._table: TableReader | None = None
        self._started: asyncio.Future[bool] | None = None  # whether reading could start
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    @asynccontextmanager
    async def watch(self, user: bytes) -> AsyncGenerator[PendingScore | None, None]:
        """Watch this user; write the score inside the `async with`.

        Yields None where the outcome will stay unknown: 1,000 scores are pending already, or the
        broker does not answer within a second.
        """
        if self._ended or len(self._all()) >= PENDING_MAX:
            yield None
            return
        pending = PendingScore(user)
        self._pending.setdefault(user, set()).add(pending)
        try:
            yield pending if await self._start() else None
        finally:
            self._remove(pending)

    def end(self) -> None:
        """End every wait, and accept no new one."""
        self._ended = True
        for each in self._all():
            each.cancel()

    async def stop(self) -> None:
        """Close the connection, after `end`."""
        if self._task is not None:
            await self._task
        if self._table is not None:
            await self._blocking(self._table.close)
        self._executor.shutdown()

    def _all(self) -> list[PendingScore]:
        return [each for group in self._pending.values() for each in group]

    def _is_idle(self) -> bool:
        return self._ended or not self._pending

    def _remove(self, pending: PendingScore) -> None:
        group = self._pending[pending.user]
        group.remove(pending)
        if not group:
            del self._pending[pending.user]

    async def _start(self) -> bool:
        """Start reading unless it has started; return whether that was possible within 1 s."""
        if self._started is None:
            self._started = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(self._started))
        with suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self._started), START_SECONDS)
        return False

    async def _run(self, started: asyncio.Future[bool]) -> None:
        try:
            table = self._table = self._table or TableReader(
                self._settings, self._is_idle, self.unreadable
            )
            await self._blocking(table.start)
            started.set_result(True)
            await self._read(table)
            self._started = None  # the next pending score starts reading again
            await self._blocking(table.pause)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next score starts again
            await self._fail(error, started)

    async def _fail(self, error: Exception, started: asyncio.Future[bool]) -> None:
        if not isinstance(error, Stopped):
            self.errors += 1
            text = "the outcome of posted scores is unknown until the next one: %s: %s"
            log.warning(text, type(error).__name__, error)
        table, self._table, self._started = self._table, None, None
        if not started.done():
            started.set_result(False)
        for each in self._all():
            each.cancel()
        if table is not None:
            with suppress(Exception):  # it has failed already
                await self._blocking(table.close)

    async def _read(self, table: TableReader) -> None:
        loop = asyncio.get_running_loop()
        positions_due = loop.time() + POSITIONS_SECONDS
        while not self._is_idle():
            for best in await self._blocking(table.poll):
                for each in self._pending.get(best.user, ()):
                    each.add_best(best)
            if loop.time() >= positions_due:
                await self._check_positions(table)
                positions_due = loop.time() + POSITIONS_SECONDS
            for each in self._all():
                each.advance(table.next_offsets())

    async def _check_positions(self, table: TableReader) -> None:
        written = {each: each.receipt for each in self._all() if each.is_written() and each.receipt}
        if not written:
            return
        counted = await self._blocking(partial(table.counted, set(written.values())))
        for each, receipt in written.items():
            if receipt in counted:
                each.set_counted(*table.end(each.user))

    async def _blocking(self, call: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

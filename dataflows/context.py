"""What the sources and sinks of one process share: settings, topics, writers, threads."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

from conf.settings import Settings
from dataflows.kafka.consumer import Deadlines
from dataflows.kafka.producer import (
    IdempotentWriter,
    TransactionalWriter,
    TransactionPace,
    Writer,
)
from dataflows.kafka.topics import Stopped, Topic, Unavailable, WrongTopic, await_topics
from dataflows.kafka.watch import TopicWatch
from dataflows.process import Stopping, exit_now, fail
from dataflows.watchdog import Watchdog

log = logging.getLogger(__name__)

FENCERS = 8  # shards that are fenced at a time: the broker takes up to a second for each
AT_ONCE = datetime.fromtimestamp(0, UTC)  # as `next_awake` of a source
SHARED_LOCK = (
    "the workers of a process share Python's lock, and are no faster than one: "
    "`python -m dataflows FLOW --processes N` uses more cores"
)
RESTORERS = 4  # shards that are restored at a time: each needs CPU time and memory of this process


class Restore(NamedTuple):
    """How far the shards of this process are restored; `started` in monotonic seconds."""

    started: float
    shards: int = 0
    restored: int = 0
    users: int = 0


class FlowContext:
    """One for each process of a flow. Thread-safe."""

    def __init__(
        self,
        settings: Settings,
        kinds: tuple[str, ...],
        stopping: Stopping,
        *,
        transactions_per_second: float = 0,
    ) -> None:
        self.settings = settings
        self.stopping = stopping
        self.deadlines = Deadlines()
        self.transactions = TransactionPace(transactions_per_second, self.deadlines)
        self.watchdog = Watchdog(settings.flows.stall_seconds)
        self.fencers = ThreadPoolExecutor(FENCERS, "fence")
        self.restorers = ThreadPoolExecutor(RESTORERS, "restore")
        self._kinds = kinds
        self._lock = threading.Lock()
        self._reading_worker: int | None = None
        self._has_told_of_lock = False
        self._topics: dict[str, Topic] = {}
        self._writer: IdempotentWriter | None = None
        self._restore = Restore(started=0.0)
        self._watch: TopicWatch | None = None
        stopping.keep(self)

    def topic(self, kind: str) -> Topic:
        """Return a topic; the first call waits for all of them, or ends the process."""
        with self._lock:
            if not self._topics:
                self._topics = self._await_topics()
        return self._topics[kind]

    def partitions(self, kind: str) -> list[str]:
        """Name all partitions of a topic to the first worker of this process, none to the others.

        Workers of a process share one interpreter lock: with the partitions spread over them, a
        flow needed a third more CPU and no less time. The first worker is the first one to ask.
        """
        names, worker = partition_names(self.topic(kind).partitions), threading.get_ident()
        with self._lock:
            if self._reading_worker is None:
                self._reading_worker = worker
            if worker == self._reading_worker:
                return names
            if not self._has_told_of_lock:
                self._has_told_of_lock = True
                log.info(SHARED_LOCK)
            return []

    def watch(self) -> TopicWatch:
        """Return a watch of all topics of this flow; one of the sources checks it."""
        self._watch = TopicWatch(self.settings, map(self.topic, self._kinds), self.stopping)
        return self._watch

    def writer(self) -> Writer:
        """Return the writer that all sinks of this process share: at least once."""
        with self._lock:
            if self._writer is None:
                self._writer = IdempotentWriter(self.settings)
        return self._writer

    def fenced_writer(self, name: str) -> Writer:
        """Return the only writer of a partition of a table, by the setting `guarantee`.

        With `exactly_once` no earlier writer of that name can write after this returns.
        """
        if self.settings.guarantee == "exactly_once":
            return TransactionalWriter(self.settings, name, self.transactions)
        return self.writer()

    def note_restoring(self) -> None:
        """Note that a shard is to be restored."""
        with self._lock:
            started = self._restore.started or time.monotonic()
            self._restore = self._restore._replace(started=started, shards=self._restore.shards + 1)

    def note_restored(self, users: int) -> None:
        """Note that a shard is restored; after the last one a log line has the totals."""
        with self._lock:
            self._restore = now = self._restore._replace(
                restored=self._restore.restored + 1, users=self._restore.users + users
            )
        if now.restored == now.shards:
            took = time.monotonic() - now.started
            log.info("restored %d users of %d shards in %.2f s", now.users, now.shards, took)

    def _await_topics(self) -> dict[str, Topic]:
        try:
            return await_topics(self.settings, self._kinds, stopping=self.stopping)
        except Stopped:
            exit_now(0)
        except (Unavailable, WrongTopic) as error:
            fail(str(error), error)


def partition_names(partitions: int) -> list[str]:
    """Name the partitions of a topic for Bytewax."""
    return [partition_name(partition) for partition in range(partitions)]


def partition_name(partition: int) -> str:
    """Name a partition: Bytewax sorts names as strings, these sort like the numbers."""
    return f"{partition:06d}"

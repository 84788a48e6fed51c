"""What the sources and sinks of one process share: settings, topics, writers, threads."""

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from conf.settings import Settings
from dataflows import metrics
from dataflows.cluster import ALONE, Cluster, report_waiting
from dataflows.kafka.producer import (
    IdempotentWriter,
    Record,
    TransactionalWriter,
    TransactionPace,
    Writer,
)
from dataflows.kafka.topics import Stopped, Topic, Unavailable, WrongTopic, await_topics
from dataflows.kafka.watch import TopicWatch
from dataflows.pace import Deadlines
from dataflows.process import Stopping, exit_now, fail
from dataflows.progress import Progress
from dataflows.watchdog import Watchdog

log = logging.getLogger(__name__)

FENCERS = 8  # shards that are fenced at a time: the broker takes up to a second for each
AT_ONCE = datetime.fromtimestamp(0, UTC)  # as `next_awake` of a source
SHARED_LOCK = (
    "the workers of a process share Python's lock, and are no faster than one: "
    "`python -m dataflows FLOW --processes N` uses more cores"
)
READY_EPOCHS = 2
RESTORERS = 4  # shards that are restored at a time: each needs CPU time and memory of this process


class FlowContext:
    """One for each process of a flow. Thread-safe.

    Args:
        settings: Of the program.
        kinds: The topics of the flow, the one that it reads first.
        stopping: The stop flag of the process.
        cluster: That of the process.
        transactions_per_second: At most so many in each shard; 0: without a limit.
    """

    def __init__(
        self,
        settings: Settings,
        kinds: tuple[str, ...],
        stopping: Stopping,
        *,
        cluster: Cluster = ALONE,
        transactions_per_second: float = 0,
    ) -> None:
        self.settings = settings
        self.stopping = stopping
        self.deadlines = Deadlines()
        self.transactions = TransactionPace(transactions_per_second, self.deadlines)
        limits = settings.flows.stall_seconds, settings.startup_timeout_seconds
        self.watchdog = Watchdog(*limits, cluster.others)
        self.restoring = Progress("restoring")
        self.catching_up = Progress("catching up")
        self.fencers = ThreadPoolExecutor(FENCERS, "fence")
        self.restorers = ThreadPoolExecutor(RESTORERS, "restore")
        self.cluster = cluster
        self._is_complete = threading.Event()  # the cluster
        report_waiting(cluster, self._is_complete)
        self.waiting: dict[int | str, str] = {}  # for what, such as a partition of `scores`; why
        self.look_for_younger: Callable[[], bool] = lambda: False  # set by the source of scores
        self._kinds = kinds
        self._lock = threading.Lock()
        self._reading_worker: int | None = None
        self._has_told_of_lock = False
        self._topics: dict[str, Topic] = {}
        self._writer: Writer | None = None
        self._restored_users: list[int] = []  # of each shard
        self._watch: TopicWatch | None = None
        stopping.keep(self)

    def topic(self, kind: str) -> Topic:
        """Return a topic; the first call waits for all of them, or ends the process."""
        with self._lock:
            if not self._topics:
                self._topics = self._await_topics()
                self._check_processes(self._topics[self._kinds[0]])
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
                self._writer = HeldWriter(IdempotentWriter(self.settings), self.watchdog)
        return self._writer

    def fenced_writer(self, name: str) -> Writer:
        """Return the only writer of a partition of a table, by the setting `guarantee`.

        With `exactly_once` no earlier writer of that name can write after this returns.
        """
        if self.settings.guarantee == "exactly_once":
            writer = TransactionalWriter(self.settings, name, self.transactions, self.has_younger)
            return HeldWriter(writer, self.watchdog)
        return self.writer()

    def has_younger(self) -> bool:
        """Return whether a younger flow has begun, as far as the source of this one can tell."""
        return self.look_for_younger()

    def note_restored(self, shard: str, users: int) -> None:
        """Note that a shard is restored; after the last one a log line has the totals."""
        log.debug("restored %d users of shard %s", users, shard)
        counts = self._restored_users
        with self._lock:  # so that one thread alone sees that its shard was the last
            self.restoring.note(shard, 1)
            counts.append(users)
            if self.restoring.problem():
                return
        took = self.restoring.seconds()
        log.info("restored %d users of %d shards in %.2f s", sum(counts), len(counts), took)
        metrics.restore_seconds.set(took)
        metrics.restored_users.set(sum(counts))

    def problems(self) -> list[str]:
        """Return why this process does not count or show everything yet; empty when ready.

        It is ready once two epochs have ended: then every sink has taken part in one.
        """
        if self.stopping():
            return ["stopping"]
        if self.cluster.others and not self._is_complete.is_set():
            return [self.cluster.waiting]
        if not self.watchdog.is_alive():
            return ["no epoch ends"]
        found = [each.problem() for each in (self.restoring, self.catching_up)]
        found += list(self.waiting.values())[:1]
        is_early = self.watchdog.epochs < READY_EPOCHS
        return list(filter(None, found)) or (["starting"] if is_early else [])

    def _await_topics(self) -> dict[str, Topic]:
        self._is_complete.set()  # Bytewax asks for partitions only then
        try:
            return await_topics(self.settings, self._kinds, stopping=self.stopping)
        except Stopped:
            exit_now(0)
        except (Unavailable, WrongTopic) as error:
            fail(str(error), error)

    def _check_processes(self, source: Topic) -> None:
        """Refuse more processes than partitions: one without any would never be ready."""
        if (processes := len(self.cluster.addresses)) > source.partitions:
            fail(
                f"{processes} processes, but {source.name} has {source.partitions} "
                "partitions: a process without one has nothing to read; start fewer processes, "
                "or add partitions as docs/operations.md says"
            )


class HeldWriter:
    """A writer that pauses the watchdog: it may wait for the broker, and has limits of its own."""

    def __init__(self, writer: Writer, watchdog: Watchdog) -> None:
        self._writer = writer
        self._held = watchdog.held

    def write(self, records: Iterable[Record]) -> None:
        """Queue a batch of records; raises FlowFailed if an earlier one failed."""
        with self._held():
            self._writer.write(records)

    def flush(self) -> None:
        """Wait until the broker has everything; raises FlowFailed if it has not."""
        with self._held():
            self._writer.flush()


def partition_names(partitions: int) -> list[str]:
    """Name the partitions of a topic for Bytewax."""
    return [partition_name(partition) for partition in range(partitions)]


def partition_name(partition: int) -> str:
    """Name a partition: Bytewax sorts names as strings, these sort like the numbers."""
    return f"{partition:06d}"

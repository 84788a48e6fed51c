"""The two writers: at least once by an idempotent producer, or exactly once by transactions."""

import logging
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NoReturn, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from conf import clients
from conf.settings import Settings
from dataflows.kafka import rights
from dataflows.pace import Deadlines, Pace
from dataflows.process import FENCED, RESTART, exit_now, fail

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2  # between checks for errors
REQUEST_SECONDS = 10
KEPT_RECORDS = 20_000
EARLY_RECORDS = 100  # that are sent before the commit of their transaction begins
BEHIND_SECONDS = 0.25  # by which commits wait longer while the flow catches up
REASON_SECONDS = 5  # for the reason for which a producer has failed for good
UNDER_WAY_SECONDS = 0.002  # between checks whether a transaction is over
QUEUE_SIZE, QUEUE_KBYTES = "queue.buffering.max.kbytes", 64 * 1024
KEPT_ERRORS = 1_000
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # also while the machine is suspended

_FENCED_CODES = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - its public name
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)

# After days without a write Kafka forgets the producer; an abort makes a new one of it.
_FORGOTTEN_CODES = frozenset(
    {
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.UNKNOWN_PRODUCER_ID,
        KafkaError.INVALID_TXN_STATE,
    }
)

BY_KEY = -1  # as a partition: the one that Java's partitioner chooses
Headers = dict[str, str | bytes | None]  # pairs in a list would burden the garbage collector
Record = tuple[str, bytes | None, bytes | None, int, None, None, int, Headers]
"""Topic, value, key, partition, two callbacks, time in ms (0: now), headers.

In the order of `Producer.produce`: a call with keywords takes twice the time.
"""


class Writer(Protocol):
    """What the sinks write with; for one thread, but the idempotent one is thread-safe."""

    def write(self, records: Iterable[Record]) -> None:
        """Queue a batch of records; raises FlowFailed if an earlier one failed."""

    def flush(self) -> None:
        """Wait until the broker has everything; raises FlowFailed if it has not."""


class IdempotentWriter:
    """One producer for all sinks, thread-safe: at least once, in order, without gaps.

    A restored shard assumes that its partition has every message up to the last one, so no earlier
    one may be missing. librdkafka alone would drop a message that was refused or timed
    out and go on with the next. Here no message times out: after `delivery.timeout.ms` the writer
    fails, and nothing follows a message that was refused. Every error is kept and raised from then
    on, so that no later flush hides it.
    """

    def __init__(self, settings: Settings) -> None:
        self._errors: list[str] = []
        self._topic = ""  # of the last record
        properties = {QUEUE_SIZE: str(QUEUE_KBYTES), **clients.producer(settings)}
        self._timeout_seconds = int(properties["delivery.timeout.ms"]) / 1000
        ours = {
            "delivery.timeout.ms": "0",  # never
            "retries": str(2**31 - 1),
            "enable.gapless.guarantee": "true",
            "delivery.report.only.error": True,
            "on_delivery": self._note_delivery,
            "error_cb": _note_error,
        }
        self._producer = Producer({**properties, **ours})

    def write(self, records: Iterable[Record]) -> None:
        """Queue records; waits as long as for a delivery where the queue (64 MB) is full.

        Raises:
            FlowFailed: One cannot be queued, or an earlier one was not delivered.
        """
        produce, record = self._producer.produce, None
        for record in records:
            try:
                produce(*record)
            except BufferError:
                self._produce_when_free(record)
            except KafkaException as failure:
                self._fail_to_queue(record, failure)
        if record is not None:
            self._topic = record[0]
        self._end_batch()

    def flush(self) -> None:
        """Wait until the broker has everything, for 60 s after the last delivery.

        Raises:
            FlowFailed: Something was not delivered, now or at any time before.
        """
        deadline, fewest = time.monotonic() + self._timeout_seconds, math.inf
        self._serve(0)
        while left := len(self._producer):
            self._serve(POLL_SECONDS)  # `Producer.flush` goes on with callbacks after an exception
            if left < fewest:
                deadline, fewest = time.monotonic() + self._timeout_seconds, left
            elif time.monotonic() > deadline:
                _fail(f"{left} messages, none for {self._timeout_seconds:g} s")

    def _end_batch(self) -> None:
        self._serve(0)  # the producer sends by itself

    def _produce_when_free(self, record: Record) -> None:
        self._topic = record[0]
        deadline = time.monotonic() + self._timeout_seconds
        while True:
            self._serve(POLL_SECONDS)
            try:
                return self._producer.produce(*record)
            except BufferError:
                if time.monotonic() > deadline:
                    _fail("the producer's queue stays full")
            except KafkaException as failure:
                self._fail_to_queue(record, failure)

    def _fail_to_queue(self, record: Record, failure: KafkaException) -> NoReturn:
        """Fail for an earlier error, if there is one.

        After a fatal error librdkafka takes no record, a little before it reports the reason.
        """
        self._topic = record[0]
        is_over = failure.args[0].code() == KafkaError._FATAL  # noqa: SLF001 - its public name
        deadline = time.monotonic() + REASON_SECONDS
        self._serve(0)
        while is_over and time.monotonic() < deadline:
            self._serve(POLL_SECONDS)
        _fail(rights.explain_write(failure.args[0], self._topic), failure)

    def _note_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and len(self._errors) < KEPT_ERRORS:
            reason = rights.explain_write(error, message.topic() or "")
            self._errors.append(f"{message.topic()}[{message.partition()}]: {reason}")

    def _serve(self, seconds: float) -> None:
        """Let librdkafka report errors for so long, or until the first report, and raise them."""
        try:
            self._producer.poll(seconds)
        except KafkaException as error:  # a fatal one
            self._errors.append(rights.explain_write(error.args[0], self._topic))
        if self._errors:
            _fail(f"{self._errors[0]} ({len(self._errors)} failed)")


def _note_error(error: KafkaError) -> None:
    """Note what librdkafka recovers from; a fatal error is raised, but only where this is set."""
    log.debug("producer: %s", error.str())


def _fail(reason: str, cause: Exception | None = None) -> NoReturn:
    text = f"not delivered: {reason}; nothing of it is committed, fix the cause, and start again"
    fail(text, cause)


class TransactionalWriter:
    """One producer for one shard: exactly once, in transactions of what came since the last one.

    **Fence.** A new writer ends every earlier one of the same name, whether it runs, was paused or
    was killed. That one can write nothing from then on, and whoever reads the partition afterwards
    reads everything that it has written (KIP-98). A writer that was fenced ends its process with
    status 77. Kafka fences in the same way a writer whose transaction was open for longer than its
    time-out: that one ends its process with 75, unless `has_younger` returns true.

    **Pace.** `write` only keeps records. `commit` begins a transaction of all that are kept, in a
    thread of its own, where none is being committed. Many records are given to librdkafka before
    that, which sends them meanwhile: so the end of an epoch waits for the commit alone. Few would
    only be more requests.

    **Failover.** A broker that fails over costs time, not a process: what may be retried is
    retried, and a transaction that had to be aborted is written again, for as long as a delivery
    may take: 60 s. The next writer of the same name ends a transaction that a killed process left
    open.
    """

    def __init__(
        self,
        settings: Settings,
        name: str,
        pace: "TransactionPace",
        has_younger: Callable[[], bool] = lambda: False,
    ) -> None:
        self._name = name
        self._pace = pace
        self._has_younger = has_younger
        properties = clients.transactional(settings, name)
        self._longest_seconds = int(properties["transaction.timeout.ms"]) / 1000
        self._began_at = math.inf  # the newest transaction, by CLOCK
        self._timeout_seconds = int(properties["delivery.timeout.ms"]) / 1000
        self._id = properties["transactional.id"]
        self._topic = ""  # of the newest transaction
        self._open: list[Record] = []  # that librdkafka has, in the open transaction
        self._kept: list[Record] = []
        self._transaction: Future[None] | None = None  # that is being committed
        self._executor = ThreadPoolExecutor(1, f"commit-{name}")
        # Without this, what is sent would stay in memory until the commit.
        self._producer = Producer({**properties, "delivery.report.only.error": True})
        self._retry(self._producer.init_transactions)

    def write(self, records: Iterable[Record]) -> None:
        """Keep or send records; waits for the transaction under way where they are many.

        Raises:
            FlowFailed: An earlier transaction failed.
        """
        self._kept += records
        if not self._kept:
            return
        self._pace.note_written(self)
        self._send_early()
        while len(self._kept) + len(self._open) > KEPT_RECORDS:
            self._wait()
            self.commit()

    def commit(self) -> bool:
        """Begin to commit what is written, unless an earlier transaction is being committed.

        Returns whether no record is left.

        Raises:
            FlowFailed: An earlier transaction failed.
        """
        self._send_early()
        if self._is_free() and (self._open or self._kept):
            is_open = bool(self._open)
            records, self._open, self._kept = self._open + self._kept, [], []
            self._transaction = self._executor.submit(self._commit, records, is_open=is_open)
        return not self._kept

    def flush(self) -> None:
        """Wait until all records are committed.

        The other writers of the pace are flushed next, one after another: they begin now, so that
        all wait for the broker at the same time.

        Raises:
            FlowFailed: They are not in time; the next flow aborts what is open.
        """
        while self._kept or self._open or self._transaction is not None:
            self._pace.commit()
            self._wait()

    def _wait(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.result()

    def _is_free(self) -> bool:
        """Return whether no transaction is being committed."""
        if self._transaction is not None and self._transaction.done():
            self._wait()
        return self._transaction is None

    def _send_early(self) -> None:
        """Give the kept records to librdkafka, unless they are few or a commit is under way.

        Not in the thread of the commit: the threads of all shards would wait for Python's lock.
        """
        is_early = self._open or len(self._kept) >= EARLY_RECORDS
        if not is_early or not self._is_free() or not self._kept:
            return
        records, self._kept = self._kept, []
        is_new = not self._open
        self._open += records
        try:
            self._produce(records, is_new=is_new)
        except KafkaException as failure:
            self._end(failure)

    def _produce(self, records: list[Record], *, is_new: bool) -> None:
        """Give records to librdkafka; where the transaction has failed, its commit says why."""
        producer = self._producer
        if is_new:
            self._topic = records[0][0]
            self._began_at = time.clock_gettime(CLOCK)
            producer.begin_transaction()
        produce = producer.produce
        try:
            for record in records:
                try:
                    produce(*record)
                except BufferError:
                    self._produce_when_free(record)
        except KafkaException as failure:
            if failure.args[0].code() != KafkaError._STATE:  # noqa: SLF001 - its public name
                raise

    def _produce_when_free(self, record: Record) -> None:
        """Queue a record; a full queue empties, or a delivery times out and raises."""
        while True:
            self._producer.poll(POLL_SECONDS)
            try:
                return self._producer.produce(*record)
            except BufferError:
                pass

    def _commit(self, records: list[Record], *, is_open: bool) -> None:
        deadline = time.monotonic() + self._timeout_seconds
        while True:
            try:
                if not is_open:
                    self._produce(records, is_new=True)
                return self._retry(self._producer.commit_transaction)
            except KafkaException as failure:
                error = failure.args[0]
                if not _may_be_written_again(error) or time.monotonic() > deadline:
                    self._end(failure)
                log.warning("%s: %s: written again", self._name, error.str())
                self._retry(self._producer.abort_transaction)
                is_open = False

    def _retry(self, call: Callable[[float], None]) -> None:
        """Make a call of the transactional API, again while the broker is failing over.

        Raises:
            KafkaException: The transaction has to be aborted.
        """
        deadline = time.monotonic() + self._timeout_seconds
        while True:
            try:
                return call(REQUEST_SECONDS)
            except KafkaException as failure:
                error = failure.args[0]
                if error.txn_requires_abort():
                    raise
                if not error.retriable() or time.monotonic() > deadline:
                    self._end(failure)
            self._producer.poll(POLL_SECONDS)

    def _end(self, failure: KafkaException) -> NoReturn:
        if self._is_fenced(failure.args[0]):
            self._end_fenced()
        reason = rights.explain_write(failure.args[0], self._topic, self._id)
        _fail(f"{self._name}: {reason}", failure)

    def _end_fenced(self) -> None:
        """End the process: another flow has fenced it, or the time-out of a transaction.

        Only one that was open for longer asks for a restart, so two flows that fence each other do
        not restart each other for ever.
        """
        seconds, longest = time.clock_gettime(CLOCK) - self._began_at, self._longest_seconds
        if seconds < longest or self._has_younger():
            log.critical(
                "fenced: another flow writes %s now (or this machine and its clock stood still for "
                "%g s); make sure that one flow runs, and start this one again if it is the one",
                self._name,
                longest,
            )
            exit_now(FENCED)
        else:
            log.critical(
                "%s: Kafka has ended a transaction that was open for %.0f s: this process or the "
                "broker stood still for longer than the setting kafka.delivery.timeout.ms; nothing "
                "is lost, start the flow again",
                self._name,
                seconds,
            )
            exit_now(RESTART)

    def _is_fenced(self, error: KafkaError) -> bool:
        """Return whether an error means that another writer has taken over.

        A producer that has failed for good does not report the reason; an abort does.
        """
        if error.code() != KafkaError._FATAL:  # noqa: SLF001 - its public name
            return error.code() in _FENCED_CODES
        try:
            self._producer.abort_transaction(REQUEST_SECONDS)
        except KafkaException as refused:
            return refused.args[0].code() in _FENCED_CODES
        return False


def _may_be_written_again(error: KafkaError) -> bool:
    """Return whether an abort helps: the broker refuses the same again, by a code of 0 or above."""
    return error.txn_requires_abort() and (error.code() < 0 or error.code() in _FORGOTTEN_CODES)


class TransactionPace:
    """When the shards of a process commit: all at the same moment, `per_second` times at most.

    They also commit at the end of each epoch, when they are flushed.

    The first moment after a pause is at once. What a shard has written since the last moment is in
    one transaction. A flow that is behind waits 0.25 s longer: what it writes is late anyway, and
    few large transactions cost the broker less than many small ones. For the thread of the sources:
    they call `commit_if_due` before each poll, when the sinks have what the last poll brought.
    """

    def __init__(self, per_second: float, deadlines: Deadlines) -> None:
        self._pace = Pace(1 / per_second if per_second else 0.0)
        self._deadlines = deadlines
        self._writers: dict[TransactionalWriter, None] = {}

    def note_written(self, writer: TransactionalWriter) -> None:
        """Note that a writer has records to commit."""
        self._writers[writer] = None

    def commit_if_due(self, *, is_behind: bool = False) -> None:
        """Let the writers commit if a moment has come, or set the deadline for the next.

        Raises:
            FlowFailed: An earlier transaction failed.
        """
        if not self._writers:
            self._deadlines.set("transactions", None)  # an epoch may have ended before it came
            return
        now = time.monotonic()
        due_at = self._pace.due_at + (BEHIND_SECONDS if is_behind else 0.0)
        if now >= due_at:
            self._pace.note(now)
            self.commit()
        next_at = max(self._pace.due_at, now + UNDER_WAY_SECONDS) if self._writers else None
        self._deadlines.set("transactions", next_at)

    def commit(self) -> None:
        """Let the writers commit that have records, and no transaction under way.

        Raises:
            FlowFailed: An earlier transaction failed.
        """
        waiting = [writer for writer in self._writers if not writer.commit()]
        self._writers = dict.fromkeys(waiting)

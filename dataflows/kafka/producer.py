"""The two writers: at least once by an idempotent producer, or exactly once by transactions."""

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NoReturn, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from conf import clients
from conf.settings import Settings
from dataflows.process import FENCED, exit_now, fail

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2  # between checks for errors
TRANSACTION_SECONDS = 10  # a killed process's open transaction blocks its readers for as long
INIT_SECONDS = 60
QUEUE_KBYTES = 64 * 1024
KEPT_ERRORS = 1_000

_FENCED_CODES = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - its public name
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)

Headers = list[tuple[str, str | bytes | None]]
Record = tuple[str, bytes | None, bytes | None, int, None, None, int, Headers]
"""Topic, value, key, partition, two callbacks, time in ms (0: now), headers.

In the order of `Producer.produce`: by name a call takes twice the time.
"""


class Writer(Protocol):
    """What the sinks write with."""

    def write(self, records: Iterable[Record]) -> None:
        """Queue a batch of records; raises FlowFailed where an earlier one failed."""

    def flush(self) -> None:
        """Wait until the broker has everything; raises FlowFailed where it has not."""


class IdempotentWriter:
    """One producer for all sinks, thread-safe: at least once, in order, without gaps.

    A restored shard takes its partition for all that was written up to the last message there, so
    no earlier one may be missing. librdkafka alone would drop a message that was refused or timed
    out and go on with the next. Here no message times out: after `delivery.timeout.ms` the writer
    fails, and nothing follows a message that was refused. Every error is kept and raised from then
    on, so that no later flush hides it.
    """

    def __init__(self, settings: Settings) -> None:
        self._errors: list[str] = []
        properties = clients.producer(settings)
        self._timeout_seconds = int(properties["delivery.timeout.ms"]) / 1000
        ours = {
            "delivery.timeout.ms": "0",  # never
            "retries": str(2**31 - 1),
            "enable.gapless.guarantee": "true",
            "delivery.report.only.error": True,
            "queue.buffering.max.kbytes": str(QUEUE_KBYTES),
            "on_delivery": self._note_delivery,
            "error_cb": _note_error,
        }
        self._producer = Producer({**properties, **ours})

    def write(self, records: Iterable[Record]) -> None:
        """Queue records; waits as long as for a delivery where the queue (64 MB) is full.

        Raises:
            FlowFailed: One cannot be queued, or an earlier one was not delivered.
        """
        produce = self._producer.produce
        for record in records:
            try:
                produce(*record)
            except BufferError:
                self._produce_when_free(record)
            except KafkaException as error:
                self._serve(self._producer.poll, 0)  # an error before this one says more
                _fail(error.args[0].str(), error)
        self._end_batch()

    def flush(self) -> None:
        """Wait until the broker has everything, as long as a delivery may take: 60 s.

        Raises:
            FlowFailed: Something was not delivered, now or at any time before.
        """
        deadline = time.monotonic() + self._timeout_seconds
        while left := self._serve(self._producer.flush, POLL_SECONDS):
            if time.monotonic() > deadline:
                _fail(f"{left} messages after {self._timeout_seconds:g} s")

    def _end_batch(self) -> None:
        self._serve(self._producer.poll, 0)  # the producer sends by itself

    def _produce_when_free(self, record: Record) -> None:
        deadline = time.monotonic() + self._timeout_seconds
        while True:
            self._serve(self._producer.poll, POLL_SECONDS)
            try:
                return self._producer.produce(*record)
            except BufferError:
                if time.monotonic() > deadline:
                    _fail("the producer's queue stays full")

    def _note_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and len(self._errors) < KEPT_ERRORS:
            self._errors.append(f"{message.topic()}[{message.partition()}]: {error.str()}")

    def _serve(self, call: Callable[[float], int], seconds: float) -> int:
        """Let librdkafka report errors, and raise them."""
        answer = 0
        try:
            answer = call(seconds)
        except KafkaException as error:  # a fatal one
            self._errors.append(error.args[0].str())
        if self._errors:
            _fail(f"{self._errors[0]} ({len(self._errors)} failed)")
        return answer


def _note_error(error: KafkaError) -> None:
    """Note what librdkafka recovers from; a fatal error is raised, but only where this is set."""
    log.debug("producer: %s", error.str())


def _fail(reason: str, cause: Exception | None = None) -> NoReturn:
    text = f"not delivered: {reason}; nothing of it is committed, start again when it is mended"
    fail(text, cause)


class TransactionalWriter:
    """One producer for one partition: a transaction a batch, committed while others go on.

    Making one fences every earlier writer of the same name, ended or not: whoever reads the
    partition after that reads all that they will ever have written (KIP-98). A fenced writer ends
    the process with status 77.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self._name = name
        properties = {
            **clients.producer(settings),
            "transactional.id": f"leaderboard-{name}",
            "transaction.timeout.ms": str(TRANSACTION_SECONDS * 1000),
            "delivery.timeout.ms": str(TRANSACTION_SECONDS * 1000),
        }
        self._producer = Producer(properties)
        self._executor = ThreadPoolExecutor(1, f"commit-{name}")
        self._commit: Future[None] | None = None
        self._attempt(self._producer.init_transactions, INIT_SECONDS)

    def write(self, records: Iterable[Record]) -> None:
        """Write records in one transaction, and begin to commit it; the one before is then over.

        Raises:
            FlowFailed: A record cannot be queued, or the transaction before was not committed.
        """
        is_open = False
        for record in records:
            if not is_open:
                self.flush()
                self._attempt(self._producer.begin_transaction)
                is_open = True
            self._produce(record)
        if is_open:
            self._end_batch()

    def flush(self) -> None:
        """Wait for the pending commit, 10 s at most.

        Raises:
            FlowFailed: It failed; the next flow aborts the transaction.
        """
        commit, self._commit = self._commit, None
        if commit is not None:
            commit.result()

    def _end_batch(self) -> None:
        self._commit = self._executor.submit(
            self._attempt, self._producer.commit_transaction, TRANSACTION_SECONDS
        )

    def _produce(self, record: Record) -> None:
        while True:
            try:
                return self._attempt(self._producer.produce, *record)
            except BufferError:
                self._producer.poll(0.1)  # bound: what stays longer than 10 s fails the commit

    def _attempt(self, call: Any, *arguments: Any) -> None:  # noqa: ANN401
        try:
            call(*arguments)
        except KafkaException as error:
            if self._is_fenced(error.args[0]):
                log.critical(
                    "fenced: another flow writes %s now, or a transaction took longer than %d s; "
                    "make sure that one flow runs, and start again if this is it",
                    self._name,
                    TRANSACTION_SECONDS,
                )
                exit_now(FENCED)
            _fail(f"{self._name}: {error.args[0].str()}", error)

    def _is_fenced(self, error: KafkaError) -> bool:
        """Tell whether an error is, or hides, that another writer has taken over.

        After a long pause a message has timed out first, or the producer is dead and does not say
        why; an abort then says it.
        """
        if error.code() in _FENCED_CODES:
            return True
        if error.code() != KafkaError._FATAL and not error.txn_requires_abort():  # noqa: SLF001
            return False
        try:
            self._producer.abort_transaction(TRANSACTION_SECONDS)
        except KafkaException as refused:
            return refused.args[0].code() in _FENCED_CODES
        return False

"""Writers: at least once by one idempotent producer, or fenced and exactly once by transactions."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NoReturn, Protocol, TypeVar

from bytewax.outputs import StatefulSinkPartition
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from conf import clients
from conf.settings import Settings
from dataflows.broken import give_up
from dataflows.stopping import FENCED, leave

log = logging.getLogger(__name__)

Item = TypeVar("Item")

FLUSH_SECONDS = 0.2  # between looks at errors
TRANSACTION_SECONDS = 10  # what a dead process leaves open hides what follows for as long
INIT_SECONDS = 60
QUEUE_KBYTES = 64 * 1024
REMEMBERED_FAILURES = 1_000

_FENCED_CODES = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - its public name
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)


class Writer(Protocol):
    """What a sink partition writes with."""

    def write(self, *message: Any, **named: Any) -> None:  # noqa: ANN401
        """Queue a message, given as `Producer.produce` takes it."""

    def send(self) -> None:
        """End a batch: what was queued may go out; does not wait for it."""

    def flush(self) -> None:
        """Wait until the broker has everything; raises BrokenWorld if it has not."""


class Flushed(StatefulSinkPartition[Item, None]):
    """A sink partition whose epochs end with everything at the broker."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def snapshot(self) -> None:
        """Wait until the broker has this epoch; raises where it does not take it."""
        self._writer.flush()


class IdempotentWriter:
    """One producer for many partitions, thread-safe: at least once, in order, no gaps, or loud.

    A shard that is restored takes its partition for all that was written up to the last message
    there, so none may be missing before it. librdkafka alone would leave out a message that timed
    out or was refused and go on with the next. Here none times out by itself: the writer gives up,
    after `delivery.timeout.ms`, and after a message that was refused nothing more is written. Every
    error is kept and raised from then on, so no later flush can hide it.
    """

    def __init__(self, settings: Settings) -> None:
        self._failed: list[str] = []
        properties = clients.producer(settings)
        self._timeout_seconds = int(properties["delivery.timeout.ms"]) / 1000
        ours = {
            "delivery.timeout.ms": "0",  # never
            "retries": str(2**31 - 1),
            "enable.gapless.guarantee": "true",
            "delivery.report.only.error": True,
            "queue.buffering.max.kbytes": str(QUEUE_KBYTES),
            "on_delivery": self._remember,
            "error_cb": _note,
        }
        self._producer = Producer({**properties, **ours})

    def write(self, *message: Any, **named: Any) -> None:  # noqa: ANN401
        """Queue a message; waits as long as for a delivery where the queue (64 MB) is full.

        Raises:
            BrokenWorld: It cannot be queued, or one before could not be delivered.
        """
        deadline = None
        while True:
            try:
                return self._producer.produce(*message, **named)
            except BufferError:
                deadline = deadline or time.monotonic() + self._timeout_seconds
            except KafkaException as error:
                self.send()  # an error before this one says more
                _fail(error.args[0].str(), error)
            if time.monotonic() > deadline:
                _fail("the producer's queue stays full")
            self._serve(self._producer.poll, 0.1)

    def send(self) -> None:
        """Look for delivery errors, without waiting; the producer sends by itself."""
        self._serve(self._producer.poll, 0)

    def flush(self) -> None:
        """Wait until the broker has everything, as long as a delivery may take: 60 s.

        Raises:
            BrokenWorld: Something was not delivered, now or ever before.
        """
        deadline = time.monotonic() + self._timeout_seconds
        while left := self._serve(self._producer.flush, FLUSH_SECONDS):
            if time.monotonic() > deadline:
                _fail(f"{left} messages after {self._timeout_seconds:g} s")

    def _remember(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and len(self._failed) < REMEMBERED_FAILURES:
            self._failed.append(f"{message.topic()}[{message.partition()}]: {error.str()}")

    def _serve(self, call: Callable[[float], int], seconds: float) -> int:
        """Let librdkafka report what happened, and raise it."""
        answer = 0
        try:
            answer = call(seconds)
        except KafkaException as error:  # a fatal one
            self._failed.append(error.args[0].str())
        if self._failed:
            _fail(f"{self._failed[0]} ({len(self._failed)} failed)")
        return answer


def _note(error: KafkaError) -> None:
    """Take what librdkafka recovers from; a fatal error is raised besides, but only with this."""
    log.debug("producer: %s", error.str())


def _fail(reason: str, cause: Exception | None = None) -> NoReturn:
    text = f"not delivered: {reason}; nothing of it is committed, start again when it is mended"
    give_up(text, cause)


class TransactionalWriter:
    """One producer for one partition: a transaction a batch, committed while others go on.

    To make one fences all earlier writers of the same name, ended or not: whoever reads the
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
        self._is_open = False
        self._attempt(self._producer.init_transactions, INIT_SECONDS)

    def write(self, *message: Any, **named: Any) -> None:  # noqa: ANN401
        """Queue a message in the transaction of this batch; the one before it is then committed.

        Raises:
            BrokenWorld: A message cannot be queued or an earlier transaction was not committed.
        """
        if not self._is_open:
            self.flush()
            self._attempt(self._producer.begin_transaction)
            self._is_open = True
        while True:
            try:
                return self._attempt(self._producer.produce, *message, **named)
            except BufferError:
                self._producer.poll(0.1)  # bound: what stays longer than 10 s fails the commit

    def send(self) -> None:
        """Start to commit the transaction of this batch."""
        if self._is_open:
            self._is_open = False
            self._commit = self._executor.submit(
                self._attempt, self._producer.commit_transaction, TRANSACTION_SECONDS
            )

    def flush(self) -> None:
        """Wait for the commit under way, 10 s at most.

        Raises:
            BrokenWorld: It failed; the transaction is aborted by the next flow.
        """
        commit, self._commit = self._commit, None
        if commit is not None:
            commit.result()

    def _attempt(self, call: Any, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        try:
            call(*arguments, **named)
        except KafkaException as error:
            if self._is_fenced(error.args[0]):
                log.critical(
                    "fenced: another flow writes %s now, or a transaction took longer than %d s; "
                    "see that only one flow runs, and start again if this is it",
                    self._name,
                    TRANSACTION_SECONDS,
                )
                leave(FENCED)
            _fail(f"{self._name}: {error.args[0].str()}", error)

    def _is_fenced(self, error: KafkaError) -> bool:
        """Tell whether an error is, or hides, that another writer has taken over.

        After a long pause a message has timed out first, or the producer is dead without saying of
        what; an abort tells the rest.
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

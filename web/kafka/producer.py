"""Write scores to `scores`: an idempotent producer, and a thread for its acknowledgements."""

import asyncio
import logging
import threading
import time
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from conf import clients
from conf.settings import Settings
from dataflows.kafka import rights
from web.kafka.client import QUIET
from web.kafka.records import Receipt

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5  # for the broker to acknowledge a score
FLUSH_SECONDS = 2
POLL_SECONDS = 0.2
RETRY_SECONDS = 2  # after a failure
QUIET_SECONDS = 10  # without a failure after which the producer counts as well: it retries sooner
LOG_SECONDS = 60  # between two log lines


class Unacknowledged(ConnectionError):  # noqa: N818 - what the score is
    """The broker has not acknowledged a score: it may count or not; posting it again is safe."""


class ScoreProducer:
    """Writes the scores of each user in the order of the calls, once `start` is called.

    After 5 s it no longer tries to deliver a score, so one that was reported as unacknowledged is
    seldom counted later. A producer that has failed, for want of a right for example, is replaced
    after two seconds.
    """

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topics.scores.name
        self.title = f"producer of {self._topic}"
        self.errors = 0  # ever
        limit = {"delivery.timeout.ms": ANSWER_SECONDS * 1000}
        self._properties = {**clients.producer(settings), **QUIET, **limit}
        self._failure = "the topic has not been found yet"  # the last one, this before the first
        self._failed = -float(QUIET_SECONDS)
        self._next_log = 0.0
        self._producer: Producer | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="score producer", daemon=True)

    def start(self) -> None:
        """Open the producer, in the thread that receives acknowledgements, unless it is open.

        Call it when the topic is there: a broker that creates topics by itself creates the one that
        a producer asks for, with its own partitions and retention.
        """
        if not self._thread.ident:
            self._thread.start()

    async def produce(self, key: bytes, value: bytes | None, **headers: bytes) -> Receipt:
        """Write a score, None: a tombstone, and wait for its acknowledgement, at most 5 s.

        Raises:
            Unacknowledged: There was none, or the producer is not open; the text says why.
        """
        if self._producer is None:
            raise Unacknowledged(self.problem())
        loop = asyncio.get_running_loop()
        receipt: asyncio.Future[Receipt] = loop.create_future()

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            loop.call_soon_threadsafe(_settle, receipt, error, message)

        try:
            self._producer.produce(
                self._topic, value, key, headers=list(headers.items()), on_delivery=on_delivery
            )
            return await asyncio.wait_for(receipt, ANSWER_SECONDS)
        except (KafkaException, BufferError, TimeoutError) as error:
            self._note(error)
            msg = f"the broker has not acknowledged it: {self._failure}"
            raise Unacknowledged(msg) from error

    def problem(self) -> str:
        """Return why scores cannot be written, "" if they can; a failure holds for 10 s."""
        is_failing = self._producer is None or time.monotonic() - self._failed < QUIET_SECONDS
        return f"scores cannot be written to {self._topic}: {self._failure}" if is_failing else ""

    def stop(self) -> None:
        """Send what is still buffered, within at most 2 s."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._producer is not None and (unsent := self._producer.flush(FLUSH_SECONDS)):
            log.warning("%d scores were not acknowledged", unsent)

    def _make(self) -> Producer:
        return Producer(self._properties)

    def _run(self) -> None:
        producer: Producer | None = None
        while not self._stop.is_set():
            try:
                if producer is None:
                    producer = self._open()
                producer.poll(POLL_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, scores must be acknowledged
                producer = None
                self._note(error)
                self._stop.wait(RETRY_SECONDS)

    def _open(self) -> Producer:
        """Make a producer; what an earlier one has not delivered is reported as failed."""
        made = self._make()
        earlier, self._producer = self._producer, made
        if earlier is not None:
            with suppress(Exception):  # it has failed already
                earlier.purge()
                earlier.flush(FLUSH_SECONDS)
        return made

    def _note(self, error: Exception) -> None:
        self.errors += 1
        self._failure = self._reason(error)
        self._failed = now = time.monotonic()
        if now >= self._next_log:
            self._next_log = now + LOG_SECONDS
            log.error("the %s failed: %s (%d times so far)", self.title, self._failure, self.errors)

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"no answer within {ANSWER_SECONDS} s"
        if not isinstance(error, KafkaException):
            return repr(error)
        if error.args[0].code() == KafkaError._FATAL and self.errors > 1:  # noqa: SLF001 - its public name
            return self._failure  # the reason for which the producer failed for good
        return rights.explain_write(error.args[0], self._topic)


def _settle(receipt: asyncio.Future[Receipt], error: KafkaError | None, message: Message) -> None:
    if receipt.done():
        return
    if error is not None:
        receipt.set_exception(KafkaException(error))
    else:
        receipt.set_result(Receipt(message.partition() or 0, message.offset() or 0))

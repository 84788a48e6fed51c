"""Write scores to `scores`: an idempotent producer, and a thread for its acknowledgements."""

import asyncio
import logging
import threading

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from conf import clients
from conf.settings import Settings
from web.kafka.client import QUIET
from web.kafka.records import Receipt

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5  # for the broker to acknowledge a score
FLUSH_SECONDS = 2
POLL_SECONDS = 0.2


class Unacknowledged(ConnectionError):  # noqa: N818 - what the score is
    """The broker has not acknowledged a score: it may count or not; posting it again is safe."""


class ScoreProducer:
    """Writes the scores of each user in the order of the calls.

    After 5 s it no longer tries to deliver a score, so one that was reported as unacknowledged is
    seldom counted later.
    """

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topics.scores.name
        limit = {"delivery.timeout.ms": ANSWER_SECONDS * 1000}
        properties = {**clients.producer(settings), **QUIET, **limit}
        self._producer = Producer(properties)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="score producer", daemon=True)

    def start(self) -> None:
        """Start the thread that receives acknowledgements."""
        self._thread.start()

    async def produce(self, key: bytes, value: bytes) -> Receipt:
        """Write a score and wait for its acknowledgement, at most 5 s.

        Raises:
            Unacknowledged: There was none.
        """
        loop = asyncio.get_running_loop()
        receipt: asyncio.Future[Receipt] = loop.create_future()

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            loop.call_soon_threadsafe(_settle, receipt, error, message)

        try:
            self._producer.produce(self._topic, value, key, on_delivery=on_delivery)
            return await asyncio.wait_for(receipt, ANSWER_SECONDS)
        except (KafkaException, BufferError, TimeoutError) as error:
            msg = f"the broker has not acknowledged the score: {error or 'no answer'}"
            raise Unacknowledged(msg) from error

    def stop(self) -> None:
        """Send what is still buffered, within at most 2 s."""
        self._stop.set()
        self._thread.join()
        if unsent := self._producer.flush(FLUSH_SECONDS):
            log.warning("%d scores were not acknowledged", unsent)

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(POLL_SECONDS)


def _settle(receipt: asyncio.Future[Receipt], error: KafkaError | None, message: Message) -> None:
    if receipt.done():
        return
    if error is not None:
        receipt.set_exception(KafkaException(error))
    else:
        receipt.set_result(Receipt(message.partition() or 0, message.offset() or 0))

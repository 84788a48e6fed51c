"""Filling, watching and reading topics; shares no code with the flows."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from conf import clients
from conf.settings import Settings
from local.offsets import end_offset

QUEUE_MESSAGES = 1_000_000
REQUEST_SECONDS = 10
PAUSE_SECONDS = 0.01  # between two looks at how many messages are due
BATCH = 10_000  # messages
READ_SECONDS = 60


def producer(settings: Settings) -> Producer:
    """Return a producer that fills a topic fast."""
    fast = {"linger.ms": "50", "queue.buffering.max.messages": QUEUE_MESSAGES}
    return Producer({**clients.producer(settings), **fast})


def produce(out: Producer, topic: str, key: bytes, value: bytes, **more: Any) -> None:  # noqa: ANN401
    """Queue a message, waiting while the queue is full."""
    while True:
        try:
            return out.produce(topic, value, key, **more)
        except BufferError:
            out.poll(0.1)


@contextmanager
def producing(
    settings: Settings, rate: float, send: Callable[[Producer, int], None]
) -> Iterator[None]:
    """Call `send` so many times a second from a thread, with 0, 1, 2, …, until the block ends."""
    stopping = threading.Event()
    thread = threading.Thread(target=_produce, args=(settings, rate, send, stopping))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _produce(
    settings: Settings,
    rate: float,
    send: Callable[[Producer, int], None],
    stopping: threading.Event,
) -> None:
    out, sent, started = Producer(clients.producer(settings)), 0, time.monotonic()
    while not stopping.wait(PAUSE_SECONDS):
        due = int((time.monotonic() - started) * rate)
        for number in range(sent, due):
            send(out, number)
        sent = due
        out.poll(0)
    out.flush(REQUEST_SECONDS)


def partitions_of(settings: Settings, topic: str) -> list[int]:
    """Return the numbers of a topic's partitions."""
    consumer = Consumer(clients.consumer(settings))
    try:
        return _partitions(consumer, topic)
    finally:
        consumer.close()


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    """Return the partitions; then the client knows their leaders, and reads 0.5 s sooner."""
    return sorted(consumer.list_topics(topic, REQUEST_SECONDS).topics[topic].partitions)


class Ends:
    """The end offsets of topics, as any client sees them."""

    def __init__(self, settings: Settings, *names: str) -> None:
        self._consumer = Consumer(clients.consumer(settings))
        self._parts = [
            TopicPartition(name, each)
            for name in names
            for each in _partitions(self._consumer, name)
        ]
        self._before = self.count()

    def count(self) -> int:
        """Count the messages that were ever written, and the transaction markers."""
        return sum(end_offset(self._consumer, part) for part in self._parts)

    def news(self) -> int:
        """Count what was written since this object was made."""
        return self.count() - self._before

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()


class News:
    """Reads what is written to a topic from now on."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._consumer = Consumer(clients.consumer(settings))
        parts = [TopicPartition(topic, each) for each in _partitions(self._consumer, topic)]
        for part in parts:
            part.offset = end_offset(self._consumer, part)
        self._consumer.assign(parts)

    def first(self, seconds: float) -> bytes:
        """Wait for the first message, and return its value; then close the connection.

        Raises:
            TimeoutError: None arrived in time.
        """
        try:
            message = self._consumer.poll(seconds)
        finally:
            self._consumer.close()
        if message is None or message.error() is not None:
            msg = f"no output within {seconds:g} s"
            raise TimeoutError(msg)
        return message.value() or b""


class Table:
    """The last value of each key of a topic, read on as it grows."""

    def __init__(self, settings: Settings, topic: str) -> None:
        quick = {"enable.partition.eof": "true", "fetch.wait.max.ms": "10"}
        self._consumer = Consumer({**clients.consumer(settings), **quick})
        parts = _partitions(self._consumer, topic)
        self._parts = [TopicPartition(topic, each, OFFSET_BEGINNING) for each in parts]
        self._consumer.assign(self._parts)
        self._positions = dict.fromkeys(parts, 0)
        self._found: dict[bytes, bytes] = {}

    def read(self) -> dict[bytes, bytes]:
        """Read on to the ends of this moment, not further; return all.

        Raises:
            TimeoutError: They are not reached within 60 s.
        """
        ends = {part.partition: end_offset(self._consumer, part) for part in self._parts}
        deadline = time.monotonic() + READ_SECONDS
        while any(self._positions[each] < end for each, end in ends.items()):
            if time.monotonic() > deadline:
                msg = f"{self._parts[0].topic} is not read within {READ_SECONDS} s"
                raise TimeoutError(msg)
            for message in self._consumer.consume(BATCH, 0.05):
                self._take(message)
        return self._found

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()

    def _take(self, message: Message) -> None:
        error, partition, offset = message.error(), message.partition() or 0, message.offset() or 0
        if error is None:
            self._found[message.key() or b""] = message.value() or b""
            self._positions[partition] = offset + 1
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - public
            self._positions[partition] = offset
        else:
            raise KafkaException(error)


def last_values(settings: Settings, topic: str) -> dict[bytes, bytes]:
    """Read a topic to its end, and return the last value of each key."""
    with closing(Table(settings, topic)) as table:
        return table.read()

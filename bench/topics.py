"""Watching and reading topics; shares no code with the flows."""

import time
from collections.abc import Iterator
from contextlib import closing

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from conf import clients
from conf.settings import Settings
from local.offsets import end_offset

REQUEST_SECONDS = 10
BATCH = 10_000  # messages
READ_SECONDS = 60


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

    def first(self, seconds: float) -> tuple[bytes, bytes]:
        """Wait for the first message, and return its key and value; then close the connection.

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
        return message.key() or b"", message.value() or b""


class Reader:
    """Reads a topic from its beginning, and on as it grows.

    It begins when it is first asked to: earlier would take CPU from what is measured.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        quick = {"enable.partition.eof": "true", "fetch.wait.max.ms": "10"}
        self._consumer = Consumer({**clients.consumer(settings), **quick})
        parts = _partitions(self._consumer, topic)
        self._parts = [TopicPartition(topic, each, OFFSET_BEGINNING) for each in parts]
        self._positions: dict[int, int] = {}

    def read(self) -> Iterator[Message]:
        """Yield the messages from the last position to the ends of this moment, or some more.

        Raises:
            TimeoutError: The ends are not reached within 60 s.
        """
        if not self._positions:
            self._consumer.assign(self._parts)
            self._positions = {part.partition: 0 for part in self._parts}
        ends = {part.partition: end_offset(self._consumer, part) for part in self._parts}
        deadline = time.monotonic() + READ_SECONDS
        while any(self._positions[each] < end for each, end in ends.items()):
            if time.monotonic() > deadline:
                msg = f"{self._parts[0].topic} is not read within {READ_SECONDS} s"
                raise TimeoutError(msg)
            yield from filter(self._note, self._consumer.consume(BATCH, 0.05))

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()

    def _note(self, message: Message) -> bool:
        """Note the position after a message; return whether it is one, and not the end."""
        error, partition, offset = message.error(), message.partition() or 0, message.offset() or 0
        if error is None:
            self._positions[partition] = offset + 1
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - public
            self._positions[partition] = offset
        else:
            raise KafkaException(error)
        return error is None


class Table:
    """The last value of each key of a topic, read on as it grows."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._reader = Reader(settings, topic)
        self._found: dict[bytes, bytes] = {}

    def read(self) -> dict[bytes, bytes]:
        """Read on to the ends of this moment, and return all; raises what `Reader.read` raises."""
        for message in self._reader.read():
            self._found[message.key() or b""] = message.value() or b""
        return self._found

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()


def last_values(settings: Settings, topic: str) -> dict[bytes, bytes]:
    """Read a topic to its end, and return the last value of each key."""
    with closing(Table(settings, topic)) as table:
        return table.read()

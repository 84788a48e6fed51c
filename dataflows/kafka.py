"""What sources and sinks share: the topics, reading a partition to its end, writing for sure."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bytewax.outputs import StatefulSinkPartition
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
from dataflows.stopping import FAILED, Stopping, leave
from dataflows.topics import Stopped, Topic, Unavailable, WrongTopic, await_topics

log = logging.getLogger(__name__)

Item = TypeVar("Item")

BATCH = 10_000  # messages
WAIT_SECONDS = 0.005
STALL_SECONDS = 60
QUEUE_KBYTES = 16 * 1024  # of messages read ahead, for each partition
BUSY_PAUSE = timedelta(milliseconds=1)
IDLE_PAUSE = timedelta(milliseconds=10)
IDLE_AFTER_SECONDS = 1
FLUSH_SECONDS = clients.DELIVERY_TIMEOUT_SECONDS + 5


class BrokenWorld(RuntimeError):  # noqa: N818 - nobody's error here
    """Kafka did what the flow cannot go on with; the text says what and what to do."""


class Broker:
    """The Kafka of this process: topics that are awaited once, and one writer for all sinks."""

    def __init__(self, settings: Settings, kinds: tuple[str, ...], stopping: Stopping) -> None:
        self.settings = settings
        self.stopping = stopping
        self._kinds = kinds
        self._lock = threading.Lock()
        self._topics: dict[str, Topic] = {}
        self._writer: Writer | None = None

    def topic(self, kind: str) -> Topic:
        """Give a topic; the first call waits for all, and ends the process if in vain."""
        with self._lock:
            if not self._topics:
                self._topics = self._await_topics()
        return self._topics[kind]

    def writer(self) -> "Writer":
        """Give the writer that all sinks of this process share."""
        with self._lock:
            if self._writer is None:
                self._writer = Writer(self.settings)
        return self._writer

    def _await_topics(self) -> dict[str, Topic]:
        try:
            return await_topics(self.settings, self._kinds, stopping=self.stopping)
        except Stopped:
            leave(0)
        except (Unavailable, WrongTopic) as error:
            log.critical("%s", error)
            leave(FAILED)


def part_names(partitions: int) -> list[str]:
    """Name the partitions for Bytewax, which sorts them as strings."""
    return [part_name(partition) for partition in range(partitions)]


def part_name(partition: int) -> str:
    """Name a partition so that the names sort like the numbers, up to a million."""
    return f"{partition:06d}"


def assign(consumer: Consumer, position: TopicPartition) -> None:
    """Read from this position on; asks for the leader first, which saves librdkafka 0.5 s.

    Raises:
        BrokenWorld: The broker does not answer.
    """
    try:
        consumer.list_topics(position.topic, timeout=STALL_SECONDS)
    except KafkaException as error:
        msg = f"no metadata of {position.topic}: {error.args[0].str()}; is the broker up?"
        raise BrokenWorld(msg) from error
    consumer.assign([position])


def consume(consumer: Consumer, wait_seconds: float = 0) -> tuple[list[Message], bool]:
    """Take up to 10,000 messages in offset order, and tell whether the partition's end was reached.

    Raises:
        BrokenWorld: Any error but the end of the partition.
    """
    messages = consumer.consume(BATCH, wait_seconds)
    if not any(map(Message.error, messages)):
        return messages, False
    for error in filter(None, map(Message.error, messages)):
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            raise BrokenWorld(_advice(error))
    return [message for message in messages if message.error() is None], True


def _advice(error: KafkaError) -> str:
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
        return (
            f"the position to read from is gone, deleted by retention ({error.str()}): "
            "docs/operations.md tells how to go on, 'The position is gone'"
        )
    return f"cannot read: {error.str()} ({error.name()}); start again when it is mended"


class Pace:
    """When to look again: at once after messages, soon while they come, seldom when idle."""

    def __init__(self) -> None:
        self._busy_until = 0.0
        self._pause: timedelta | None = None

    def saw(self, messages: list[Message]) -> None:
        """Note what the last look brought."""
        now = time.monotonic()
        if messages:
            self._busy_until = now + IDLE_AFTER_SECONDS
            self._pause = None
        else:
            self._pause = BUSY_PAUSE if now < self._busy_until else IDLE_PAUSE

    def next_awake(self) -> datetime:
        """Give the time of the next look."""
        now = datetime.now(UTC)
        return now if self._pause is None else now + self._pause


def read_to_end(
    settings: Settings, topic: str, partition: int, stopping: Callable[[], bool]
) -> Iterator[list[Message]]:
    """Yield a partition's messages from its beginning to its end, in batches, in offset order.

    Read committed: the end is the last stable offset when it is reached. Ends the process with
    status 0 when `stopping` turns true: the reader has then not begun its work.

    Raises:
        BrokenWorld: An error, or nothing for 60 s.
    """
    quick = {"enable.partition.eof": "true", "fetch.wait.max.ms": "10"}
    consumer = Consumer({**clients.consumer(settings), **quick})
    try:
        assign(consumer, TopicPartition(topic, partition, OFFSET_BEGINNING))
        yield from _until_end(consumer, f"{topic}[{partition}]", stopping)
    finally:
        consumer.close()


def _until_end(
    consumer: Consumer, where: str, stopping: Callable[[], bool]
) -> Iterator[list[Message]]:
    deadline = time.monotonic() + STALL_SECONDS
    ended = False
    while not ended:
        if stopping():
            log.info("stopped while reading %s: nothing was begun", where)
            leave(0)
        messages, ended = consume(consumer, WAIT_SECONDS)
        if messages:
            deadline = time.monotonic() + STALL_SECONDS
            yield messages
        elif time.monotonic() > deadline:
            msg = f"{where}: nothing for {STALL_SECONDS} s; is the broker up and the topic there?"
            raise BrokenWorld(msg)


class Writer:
    """An idempotent producer that keeps every delivery error: at least once, in order, or loud."""

    def __init__(self, settings: Settings) -> None:
        self._failed: list[str] = []
        properties = {
            **clients.producer(settings),
            "delivery.report.only.error": True,
            "queue.buffering.max.kbytes": str(64 * 1024),
        }
        self._producer = Producer({**properties, "on_delivery": self._remember})

    def write(self, **message: Any) -> None:  # noqa: ANN401 - as Producer.produce takes it
        """Queue a message; waits up to 60 s where the queue (64 MB) is full.

        Raises:
            BrokenWorld: It cannot be queued, or one before could not be delivered.
        """
        try:
            self._producer.produce(**message)
        except BufferError:
            self._write_when_drained(message)
        except KafkaException as error:
            self._raise(error.args[0].str(), error)

    def poll(self) -> None:
        """Look for delivery errors, without waiting."""
        self._producer.poll(0)
        self._check()

    def flush(self) -> None:
        """Wait until the broker has everything, 65 s at most.

        Raises:
            BrokenWorld: Something was not delivered, now or ever before.
        """
        left = self._producer.flush(FLUSH_SECONDS)
        if left:
            self._failed.append(f"{left} messages not delivered in {FLUSH_SECONDS} s")
        self._check()

    def _write_when_drained(self, message: dict[str, Any]) -> None:
        deadline = time.monotonic() + clients.DELIVERY_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            self._producer.poll(0.1)
            self._check()
            try:
                return self._producer.produce(**message)
            except BufferError:
                continue
        return self._raise("the queue stays full")

    def _remember(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and len(self._failed) < BATCH:
            self._failed.append(f"{message.topic()}[{message.partition()}]: {error.str()}")

    def _check(self) -> None:
        if self._failed:
            self._raise(f"{self._failed[0]} ({len(self._failed)} in all)")

    def _raise(self, reason: str, cause: Exception | None = None) -> None:
        msg = f"not delivered: {reason}; nothing was committed, start again when it is mended"
        log.error("%s", msg)
        raise BrokenWorld(msg) from cause


class Flushed(StatefulSinkPartition[Item, None]):
    """A partition whose epochs end with everything at the broker."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def snapshot(self) -> None:
        """Wait until the broker has this epoch; raises where it does not take it."""
        self._writer.flush()

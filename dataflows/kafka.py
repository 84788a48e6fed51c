"""What sources and sinks share: the topics, the writers, and how a partition is read."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from conf.settings import Settings
from dataflows.broken import give_up
from dataflows.stopping import FAILED, Stopping, leave
from dataflows.topics import Stopped, Topic, Unavailable, WrongTopic, await_topics
from dataflows.watching import Watch
from dataflows.writers import IdempotentWriter, TransactionalWriter, Writer

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

BATCH = 10_000  # messages
STALL_SECONDS = 60
REQUEST_SECONDS = 10
RETRY_SECONDS = 0.2
BUSY_PAUSE = timedelta(milliseconds=1)
IDLE_PAUSE = timedelta(milliseconds=15)
IDLE_AFTER_SECONDS = 1
FENCERS = 8  # shards that are fenced at a time: the broker takes up to a second for each
OPENERS = 2  # shards that are read at a time: it takes our own time, and memory


class Broker:
    """The Kafka of this process: topics that are awaited once, and one writer for all sinks."""

    def __init__(self, settings: Settings, kinds: tuple[str, ...], stopping: Stopping) -> None:
        self.settings = settings
        self.stopping = stopping
        self.positions: list[int] = []  # committed ones of `scores`, below 0 where there is none
        self.fencers = ThreadPoolExecutor(FENCERS, "fence")
        self.openers = ThreadPoolExecutor(OPENERS, "open")
        self._kinds = kinds
        self._lock = threading.Lock()
        self._reader: int | None = None
        self._topics: dict[str, Topic] = {}
        self._writer: IdempotentWriter | None = None

    def topic(self, kind: str) -> Topic:
        """Give a topic; the first call waits for all, and ends the process if in vain."""
        with self._lock:
            if not self._topics:
                self._topics = self._await_topics()
        return self._topics[kind]

    def parts(self, kind: str) -> list[str]:
        """Name all partitions of a topic to the first worker of this process, none to the others.

        Workers of a process share one interpreter lock: spread over them, the partitions took a
        third more CPU and no less time. The first is the one that asks first, for any topic.
        """
        names, worker = part_names(self.topic(kind).partitions), threading.get_ident()
        with self._lock:
            if self._reader is None:
                self._reader = worker
            return names if worker == self._reader else []

    def watch(self) -> Watch:
        """Watch all topics of this flow; it is for one of the sources."""
        return Watch(self.settings, map(self.topic, self._kinds), self.stopping)

    def writer(self) -> Writer:
        """Give the writer that all sinks of this process share: at least once."""
        with self._lock:
            if self._writer is None:
                self._writer = IdempotentWriter(self.settings)
        return self._writer

    def fenced_writer(self, name: str) -> Writer:
        """Give the one writer of a partition of a table, as the setting `guarantee` says.

        With `exactly_once` no earlier writer of that name can write any more when this returns.
        """
        if self.settings.guarantee == "exactly_once":
            return TransactionalWriter(self.settings, name)
        return self.writer()

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


def insist(call: Callable[[], Answer], what: str) -> Answer:
    """Ask the broker until it answers: a new or a busy one refuses at first; 60 s at most.

    Raises:
        BrokenWorld: It still refuses then.
    """
    deadline = time.monotonic() + STALL_SECONDS
    while True:
        try:
            return call()
        except KafkaException as error:
            if time.monotonic() > deadline:
                give_up(f"{what}: {error.args[0].str()}; is the broker well?", error)
            log.info("%s: %s, asking again", what, error.args[0].str())
            time.sleep(RETRY_SECONDS)


def assign(consumer: Consumer, positions: list[TopicPartition]) -> None:
    """Read one topic from these positions on; asks for leaders first: it saves librdkafka 0.5 s.

    Raises:
        BrokenWorld: The broker does not answer.
    """
    topic = positions[0].topic
    insist(lambda: consumer.list_topics(topic, timeout=REQUEST_SECONDS), f"metadata of {topic}")
    consumer.assign(positions)


def consume(consumer: Consumer, wait_seconds: float = 0) -> tuple[list[Message], dict[int, int]]:
    """Take up to 10,000 messages, by offset, and the end of each partition where they reached it.

    Raises:
        BrokenWorld: Any error but the end of a partition.
    """
    messages = consumer.consume(BATCH, wait_seconds)
    if not any(map(Message.error, messages)):
        return messages, {}
    ends: dict[int, int] = {}
    for message in messages:
        error = message.error()
        if error is None:
            continue
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - public
            give_up(_advice(error))
        ends[message.partition()] = message.offset()  # type: ignore[index,assignment]
    return [message for message in messages if message.error() is None], ends


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
        self._due = datetime.now(UTC)

    def saw(self, messages: list[Message]) -> None:
        """Note what the last look brought."""
        now = time.monotonic()
        self._due = datetime.now(UTC)
        if messages:
            self._busy_until = now + IDLE_AFTER_SECONDS
        else:
            self._due += BUSY_PAUSE if now < self._busy_until else IDLE_PAUSE

    def next_awake(self) -> datetime:
        """Give the time of the next look."""
        return self._due

    def is_due(self) -> bool:
        """Tell whether that time has come."""
        return datetime.now(UTC) >= self._due

"""What the readers share: consumers, polling, end offsets, and whether a topic has changed."""

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from conf import clients
from conf.settings import Settings
from dataflows.kafka.topics import Topic, short_id
from web.kafka.progress import Progress
from web.kafka.reader import TopicReader

POLL_SECONDS = 0.5
ENDS_SECONDS = 1  # between questions for the end offsets
IDENTITY_ROUNDS = 3  # of these questions between two looks at the topic's identity
ANSWER_SECONDS = 2  # for an answer of the broker
LATEST = -1  # as a time: where a partition ends (ListOffsets)
QUIET = {"log_level": "2"}  # not every attempt to connect is logged


class TopicChanged(ConnectionError):  # noqa: N818 - what has happened
    """A topic was recreated or got more partitions: reading starts again."""


def make_consumer(settings: Settings, **properties: object) -> Consumer:
    """Return a consumer that is assigned partitions by hand, and commits nothing to its group."""
    ours = {"group.id": f"{settings.group}-web", "enable.partition.eof": True}
    return Consumer({**clients.consumer(settings), **QUIET, **ours, **properties})


class BrokerClient:
    """Answers questions, on connections of its own; each answer within 2 s. For one thread.

    A consumer asks for what changes. A request of an AdminClient to a leader or a coordinator ends
    the process where that fails over: librdkafka aborts.
    Source: https://github.com/confluentinc/librdkafka/issues/3663
    """

    def __init__(self, settings: Settings) -> None:
        self._consumer = Consumer({**clients.consumer(settings), **QUIET})
        self._admin = AdminClient({**clients.admin(settings), **QUIET})

    def ends(self, topic: Topic) -> dict[int, int]:
        """Return the end of each partition: its last stable offset.

        Raises:
            KafkaException: No answer.
        """
        try:
            found = offsets_at(self._consumer, topic.name, range(topic.partitions), LATEST)
        except KafkaException:
            # Without partitions of its own a consumer asks the leaders that it knows for minutes.
            self._consumer.list_topics(topic.name, timeout=ANSWER_SECONDS)
            raise
        return dict(enumerate(found))

    def committed(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Return the committed position of the flow in partitions; negative without one.

        Raises:
            KafkaException: No answer.
        """
        asked = [TopicPartition(topic, each) for each in partitions]
        found = _without_errors(self._consumer.committed(asked, timeout=ANSWER_SECONDS))
        return {each.partition: each.offset for each in found}

    def identify(self, name: str) -> tuple[str, int]:
        """Return the shortened id of a topic, and the number of its partitions.

        Raises:
            KafkaException: No answer.
        """
        asked = TopicCollection([name])
        futures = self._admin.describe_topics(asked, request_timeout=ANSWER_SECONDS)
        found = futures[name].result()
        return short_id(found.topic_id), len(found.partitions)


def offsets_at(consumer: Consumer, topic: str, partitions: Iterable[int], time: int) -> list[int]:
    """Return the offset of the first message of a time, in ms, or of a later one, by partition.

    It is negative where there is none; for the time `LATEST` it is the end.

    Raises:
        KafkaException: No answer within 2 s.
    """
    asked = [TopicPartition(topic, partition, time) for partition in partitions]
    found = consumer.offsets_for_times(asked, timeout=ANSWER_SECONDS)
    return [each.offset for each in _without_errors(found)]


def _without_errors(found: list[TopicPartition]) -> list[TopicPartition]:
    for each in found:
        if each.error is not None:
            raise KafkaException(each.error)
    return found


def assign(consumer: Consumer, positions: list[TopicPartition]) -> None:
    """Read from these positions on; asking for the leaders first saves librdkafka 0.5 s.

    Raises:
        KafkaException: No answer within 2 s.
    """
    for topic in {position.topic for position in positions}:
        consumer.list_topics(topic, timeout=ANSWER_SECONDS)
    consumer.assign(positions)


def poll(
    consumer: Consumer, progress: Mapping[str, Progress], most: int, seconds: float = POLL_SECONDS
) -> list[Message]:
    """Return messages and ends of partitions, at most `most`, as soon as there are any.

    The progress of each topic is noted: the end of a partition has the offset of the message that
    may follow.

    Raises:
        KafkaException: The broker reports anything but the end of a partition.
    """
    first = consumer.poll(seconds)
    messages = [] if first is None else [first, *consumer.consume(most - 1, 0)]
    for message in messages:
        error = message.error()
        if error is not None and not is_partition_end(message):
            raise KafkaException(error)
        next_offset = (message.offset() or 0) + (0 if error else 1)
        progress[message.topic() or ""].advance(message.partition() or 0, next_offset)
    return messages


def is_partition_end(message: Message) -> bool:
    """Return whether this is no message but the event of a partition's end."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001


class TopicMonitor:
    """Asks the broker now and then for the ends of a topic, and whether it is still the same."""

    def __init__(self, reader: TopicReader, broker: BrokerClient, topic: Topic) -> None:
        self._reader = reader
        self._broker = broker
        self._topic = topic
        self._next_round = 0.0
        self._rounds = 0
        self._identity = topic.id, topic.partitions

    def end_offsets(self) -> dict[int, int]:
        """Return the end of each partition.

        Raises:
            KafkaException: No answer within 2 s.
        """
        ends = self._broker.ends(self._topic)
        self._reader.note_answer()
        return ends

    def poll(self) -> Mapping[int, int] | None:
        """Return the end of each partition once a second; None in between and without an answer.

        Raises:
            TopicChanged: The topic was recreated or has more partitions.
        """
        now = time.monotonic()
        if now < self._next_round:
            return None
        self._next_round = now + ENDS_SECONDS
        self._rounds += 1
        try:
            if self._rounds % IDENTITY_ROUNDS == 0:
                self._check_identity()
            return self.end_offsets()
        except KafkaException:
            return None

    def _check_identity(self) -> None:
        if self._broker.identify(self._topic.name) != self._identity:
            msg = f"topic {self._topic.name} was recreated or has more partitions"
            raise TopicChanged(msg)

"""What the relays have in common at the broker: a consumer, its messages, a look at the topic."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from conf import clients
from conf.settings import Settings
from dataflows.kafka.topics import Topic
from web.kafka.reader import TopicReader

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
LOOK_SECONDS = 1  # between looks at the ends
CHANGED_LOOKS = 10  # looks between those at whether the topic is still the same
ANSWER_SECONDS = 2  # for an answer of the broker
WATCHED = {  # what the relays watch need not be said for every attempt, and is wanted back soon
    "log_level": "2",
    "reconnect.backoff.max.ms": "1000",
}


class Changed(ConnectionError):  # noqa: N818 - what the topic has
    """A topic was made anew or got more partitions: reading starts again."""


def make_consumer(settings: Settings, **properties: object) -> Consumer:
    """Make a consumer without a group of its own: it is assigned partitions and commits nothing."""
    ours = {"group.id": f"{settings.group}-web", "enable.partition.eof": True}
    return Consumer({**clients.consumer(settings), **WATCHED, **ours, **properties})


@contextmanager
def consumer(settings: Settings, **properties: object) -> Iterator[Consumer]:
    """Give such a consumer for the length of the block."""
    with closing(make_consumer(settings, **properties)) as made:
        yield made


def make_admin(settings: Settings) -> AdminClient:
    """Make a client for questions."""
    return AdminClient({**clients.client(settings), **WATCHED})


def ends(admin: AdminClient, topic: Topic) -> dict[int, int]:
    """Give the end of each partition: its last stable offset.

    Raises:
        KafkaException: No answer in 2 s.
    """
    wanted = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
    latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = admin.list_offsets(
        dict.fromkeys(wanted, latest),
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=ANSWER_SECONDS,
    )
    return {at.partition: future.result().offset for at, future in asked.items()}


def assign(reader: Consumer, positions: list[TopicPartition]) -> None:
    """Read from these positions on; asks for the leaders first, which saves librdkafka 0.5 s.

    Raises:
        KafkaException: No answer in 2 s.
    """
    for topic in {position.topic for position in positions}:
        reader.list_topics(topic, timeout=ANSWER_SECONDS)
    reader.assign(positions)


def take(reader: Consumer, most: int, seconds: float = POLL_SECONDS) -> list[Message]:
    """Give what is there as soon as something is, at most `most` messages and ends of partitions.

    Raises:
        KafkaException: The broker reports anything but the end of a partition.
    """
    first = reader.poll(seconds)
    messages = [] if first is None else [first, *reader.consume(most - 1, 0)]
    for message in messages:
        error = message.error()
        if error is not None and not at_end(message):
            raise KafkaException(error)
    return messages


def at_end(message: Message) -> bool:
    """Say whether this is no message but the end of a partition."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001


class Watch:
    """Looks at a topic from time to time: where it ends, whether the broker is there."""

    def __init__(self, relay: TopicReader, settings: Settings, topic: Topic) -> None:
        self._relay = relay
        self._topic = topic
        self._admin = make_admin(settings)
        self._next = 0.0
        self._looks = 0
        self._identity = self._identify()

    def ends(self) -> dict[int, int]:
        """Give the end of each partition.

        Raises:
            KafkaException: No answer in 2 s.
        """
        found = ends(self._admin, self._topic)
        self._relay.seen()
        return found

    def look(self) -> Mapping[int, int] | None:
        """Give the ends when it is time to look and the broker answers; no answer is no error.

        Raises:
            Changed: The topic is not the same any more.
        """
        now = time.monotonic()
        if now < self._next:
            return None
        self._next = now + LOOK_SECONDS
        self._looks += 1
        try:
            if self._looks % CHANGED_LOOKS == 0:
                self._check()
            return self.ends()
        except KafkaException:
            return None

    def _check(self) -> None:
        if self._identify() != self._identity:
            msg = f"topic {self._topic.name} was made anew or has more partitions"
            raise Changed(msg)

    def _identify(self) -> tuple[str, int]:
        name = self._topic.name
        asked = self._admin.describe_topics(TopicCollection([name]), request_timeout=ANSWER_SECONDS)
        found = asked[name].result()
        return str(found.topic_id), len(found.partitions)

"""Reading a table: its partitions from the beginning to the end, while others write them."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import compress, islice
from operator import not_
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf import clients
from conf.settings import Format, Settings
from dataflows.kafka.consumer import assign, bounds, consume
from dataflows.kafka.partitioner import partitions_of
from dataflows.kafka.topics import Topic
from dataflows.process import exit_now, fail
from dataflows.wire import (
    ORIGIN,
    REKEYED,
    BadMessage,
    decode_each,
    decode_scores,
    header,
)

log = logging.getLogger(__name__)

CAUGHT_UP_SECONDS = 1
SILENCE_SECONDS = 60
POLL_SECONDS = 0.005


class CaughtUp:
    """Finds out when a reader of one partition has read everything that was there a second ago.

    librdkafka reports the end of a partition when a fetch finds nothing new: never in one that is
    written all the time. There the end that the broker names is read up to. It is asked for again
    when that took longer than a second: compaction may drop an old message before it is read, and
    its successor is past that end.
    """

    def __init__(self, consumer: Consumer, position: TopicPartition) -> None:
        self._consumer = consumer
        self._position = position
        self._end = 0
        self._asked_at = float("-inf")

    def end(self, messages: list[Message], end: int | None) -> int | None:
        """Return the offset of the end, where what `consume` returned has reached it, else None.

        Raises:
            FlowFailed: The broker does not answer.
        """
        if end is not None or not messages:
            return end
        read, where = (messages[-1].offset() or 0) + 1, self._position
        if read >= self._end and time.monotonic() > self._asked_at + CAUGHT_UP_SECONDS:
            self._asked_at = time.monotonic()
            self._end = bounds(self._consumer, where.topic, where.partition)[1]
        return read if read >= self._end else None


def read_to_end(
    settings: Settings, topic: str, partition: int, stopping: Callable[[], bool]
) -> Iterator[list[Message]]:
    """Yield a partition's messages from its beginning to its end, in batches, by offset.

    Read committed: the end is the last stable offset, a second ago at most. Where `stopping` turns
    true the process ends with status 0: what its flow has not committed is read again.

    Raises:
        FlowFailed: An error, or nothing for 60 s.
    """
    quick = {"enable.partition.eof": "true", "fetch.wait.max.ms": "10"}
    consumer = Consumer({**clients.consumer(settings), **quick})
    try:
        start = TopicPartition(topic, partition, OFFSET_BEGINNING)
        assign(consumer, [start])
        yield from _until_end(consumer, start, stopping)
    finally:
        consumer.close()


def _until_end(
    consumer: Consumer, start: TopicPartition, stopping: Callable[[], bool]
) -> Iterator[list[Message]]:
    name = f"{start.topic}[{start.partition}]"
    deadline = time.monotonic() + SILENCE_SECONDS
    caught_up = CaughtUp(consumer, start)
    end = None
    while end is None:
        if stopping():
            log.info("stopped while reading %s: what is not committed is read again", name)
            exit_now(0)
        messages, ends = consume(consumer, POLL_SECONDS)
        end = caught_up.end(messages, ends.get(start.partition))
        if messages:
            deadline = time.monotonic() + SILENCE_SECONDS
            yield messages
        elif time.monotonic() > deadline:
            fail(f"{name}: nothing for {SILENCE_SECONDS} s; is the broker up and the topic there?")


class TableRows(NamedTuple):
    """Rows of a table: columns, by offset; the score None is a tombstone."""

    users: list[bytes]
    scores: list[int | None]
    messages: list[Message]


class TableDecoder:
    """Reads the messages of one partition of `high-scores`.

    A key that is not a user, or belongs to another partition, is left out. Another program has
    written it, and its user is in the partition where it belongs. But where the flow itself has
    written it, partitions were added since, and the table has to be re-keyed.
    """

    def __init__(self, topic: Topic, partition: int, form: Format) -> None:
        self._topic = topic
        self._partition = partition
        self._form = form
        self._strays: dict[bytes, str] = {}  # to the place of the last message
        self._moved: set[bytes] = set()  # of these, those that the flow has written
        self._is_checked = False

    def decode(self, messages: list[Message]) -> TableRows:
        """Read a batch.

        Raises:
            FlowFailed: A best cannot be read: without it nobody knows the user's best.
        """
        users = [message.key() or b"" for message in messages]
        scores = self._decode_scores(messages)
        partitions = partitions_of(users, self._topic.partitions)
        if _are_text(users) and partitions.count(self._partition) == len(users):
            return TableRows(users, scores, messages)
        own = [each == self._partition for each in partitions]
        kept = [is_own and _is_user(user) for user, is_own in zip(users, own, strict=True)]
        self._note_strays(compress(messages, map(not_, kept)))
        columns: Iterable[list[Any]] = users, scores, messages
        return TableRows(*(list(compress(column, kept)) for column in columns))

    def check_strays(self) -> None:
        """Check, when the partition is read to its end, what was left out.

        Raises:
            FlowFailed: The table has to be re-keyed.
        """
        self._is_checked = True
        if self._moved:
            fail(
                f"{self._topic.name}[{self._partition}]: {len(self._moved)} users, such as "
                f"{next(iter(self._moved))!r}, belong to another of its "
                f"{self._topic.partitions} partitions: were partitions added? "
                "docs/operations.md says how to re-key it"
            )
        self._report()

    def _note_strays(self, messages: Iterable[Message]) -> None:
        for message in messages:
            user = message.key() or b""
            self._strays.pop(user, None)
            self._moved.discard(user)
            if message.value() is not None:
                self._strays[user] = place(message)
                if _is_user(user) and _is_ours(message):
                    self._moved.add(user)
        if self._is_checked:
            self._report()

    def _report(self) -> None:
        for user, where in islice(self._strays.items(), 1):
            log.error(
                "%s: the key %r is not a user of this partition, and %d more are not: another "
                "program has written there; they are ignored; a tombstone sent to this partition "
                "removes one",
                where,
                user,
                len(self._strays) - 1,
            )
        if self._is_checked:
            self._strays.clear()  # each is reported once

    def _decode_scores(self, messages: list[Message]) -> list[int | None]:
        values = [message.value() for message in messages]
        scores = decode_scores(values, self._form) if values else []
        if scores is not None:
            return list(scores)
        return list(map(_checked, messages, decode_each(values, self._form)))


def place(message: Message) -> str:
    """Return the topic, partition and offset of a message, as text."""
    return f"{message.topic()}[{message.partition()}]@{message.offset()}"


def _are_text(users: list[bytes]) -> bool:
    return all(users) and _is_text(b"\n".join(users))  # a line end is no part of any character


def _is_user(user: bytes) -> bool:
    return bool(user) and _is_text(user)


def _is_ours(message: Message) -> bool:
    """Return whether the flow, or `rekey`, has written a message."""
    try:
        return any(header(message, name) is not None for name in (ORIGIN, REKEYED))
    except BadMessage:
        return False


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _checked(message: Message, score: int | BadMessage | None) -> int | None:
    if isinstance(score, BadMessage):
        fail(
            f"{place(message)}: the best of {message.key()!r} is {score}: has another program "
            "written it, or was the format changed? see docs/operations.md, 'A best "
            "cannot be read'"
        )
    return score

"""Reading a table: its partitions from the beginning to the end, while others write them."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import compress, islice
from operator import not_
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf import clients
from conf.settings import Settings
from dataflows.kafka.consumer import assign, bounds, consume, offsets_since
from dataflows.kafka.partitioner import partitions_of
from dataflows.kafka.topics import Topic
from dataflows.periods import ALL_TIME, Calendar, Period
from dataflows.process import Stopping, exit_now, fail
from dataflows.wire import (
    ORIGIN,
    REKEYED,
    BadMessage,
    ScoreCodec,
    header,
    score_codec,
    split_keys,
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
        self._first: int | None = None  # offset
        self.done = 0.0  # 0 to 1
        self._asked_at = float("-inf")

    def end(self, messages: list[Message], end: int | None) -> int | None:
        """Return the offset of the end, where what `consume` returned has reached it, else None.

        Raises:
            FlowFailed: The broker does not answer.
        """
        if end is not None or not messages:
            return end
        read, where = (messages[-1].offset() or 0) + 1, self._position
        self._first = (messages[0].offset() or 0) if self._first is None else self._first
        if read >= self._end and time.monotonic() > self._asked_at + CAUGHT_UP_SECONDS:
            self._asked_at = time.monotonic()
            self._end = bounds(self._consumer, where.topic, where.partition)[1]
        self.done = (read - self._first) / max(self._end - self._first, 1)
        return read if read >= self._end else None


def read_to_end(  # noqa: PLR0913 - most calls need three or four
    settings: Settings,
    topic: str,
    partition: int,
    stopping: Stopping | None = None,
    since: int = 0,
    *,
    start: int = OFFSET_BEGINNING,
    until: int = 0,
    on_progress: Callable[[float], object] = lambda _: None,
) -> Iterator[list[Message]]:
    """Yield a partition's messages to its end, in batches, by offset.

    It begins with the first message of the time `since`, in ms, or of a later one; or, where that
    is 0, with the offset `start`.

    Read committed: the end is the last stable offset, a second ago at most. Where that is before
    the offset `until`, it waits for the transactions that are open there. When `stopping` the
    process ends: what its flow has not committed is read again. After each batch `on_progress` gets
    how much is read, 0 to 1.

    Raises:
        FlowFailed: An error, or nothing for 60 s.
    """
    quick = {"enable.partition.eof": "true", "fetch.wait.max.ms": "10"}
    consumer = Consumer({**clients.consumer(settings), **quick})
    try:
        position = TopicPartition(topic, partition, start)
        if since > 0:
            (position,) = offsets_since(consumer, [position], since)
        # A leader that was just elected may show an earlier end for a moment: this question waits
        # until it does not (KIP-207), a fetch does not.
        until = max(until, bounds(consumer, topic, partition)[1])
        assign(consumer, [position])
        yield from _until_end(consumer, position, until, stopping, on_progress)
    finally:
        consumer.close()


def _until_end(
    consumer: Consumer,
    start: TopicPartition,
    until: int,
    stopping: Stopping | None,
    on_progress: Callable[[float], object],
) -> Iterator[list[Message]]:
    name = f"{start.topic}[{start.partition}]"
    deadline = time.monotonic() + SILENCE_SECONDS
    caught_up = CaughtUp(consumer, start)
    end = None
    while end is None or end < until:
        if stopping is not None and stopping():
            log.info("stopped while reading %s: what is not committed is read again", name)
            exit_now(stopping.status)
        messages, ends = consume(consumer, POLL_SECONDS)
        end = caught_up.end(messages, ends.get((start.topic, start.partition)))
        if messages:
            deadline = time.monotonic() + SILENCE_SECONDS
            on_progress(caught_up.done)
            yield messages
        elif time.monotonic() > deadline:
            fail(
                f"{name}: nothing for {SILENCE_SECONDS} s; is the broker up, the topic there, and "
                "no transaction left open?"
            )


class TableRows(NamedTuple):
    """Rows of a table: columns, by offset; the score None is a tombstone."""

    users: list[bytes]
    scores: list[int | None]
    messages: list[Message]

    def select(self, selectors: Iterable[object]) -> "TableRows":
        """Return the rows whose selector is true, in their order."""
        chosen = list(selectors)
        columns: Iterable[list[Any]] = self
        return TableRows(*(list(compress(column, chosen)) for column in columns))


def _by_period(periods: list[str], rows: TableRows) -> dict[str, TableRows]:
    if len(names := set(periods)) == 1:
        return {periods[0]: rows}
    return {name: rows.select(map(name.__eq__, periods)) for name in sorted(names)}


class TableDecoder:
    """Reads the messages of one partition of `high-scores`, or of the table of a board by period.

    A key that is not a user, or belongs to another partition, is left out. Another program has
    written it, and its user is in the partition where it belongs. But where the flow itself has
    written it, partitions were added since, and the table has to be re-keyed.

    Args:
        topic: The table.
        partition: The one that is read.
        codec: How scores are written there.
        sign: 1, or -1 to negate scores.
        periods: Those of a board by period; None for the board of all time.
    """

    def __init__(
        self,
        topic: Topic,
        partition: int,
        codec: ScoreCodec,
        *,
        sign: int = 1,
        periods: Callable[[str], Period | None] | None = None,
    ) -> None:
        self._topic = topic
        self._partition = partition
        self._codec = codec
        self._sign = sign
        self._periods = periods
        self._strays: dict[bytes, str] = {}  # to the place of the last message
        self._moved: set[bytes] = set()  # of these, those that the flow has written
        self._is_checked = False

    def __str__(self) -> str:
        return f"{self._topic.name}[{self._partition}]"

    def decode(self, messages: list[Message]) -> dict[str, TableRows]:
        """Read a batch; returns the rows of each period, that of all time is named "".

        Raises:
            FlowFailed: A best cannot be read: without it nobody knows the user's best.
        """
        keys = [message.key() or b"" for message in messages]
        periods, users = self._split(keys)
        rows = TableRows(users, self._decode_scores(messages), messages)
        partitions = partitions_of(users, self._topic.partitions)
        if not _are_text(keys) or partitions.count(self._partition) < len(users):
            own = [each == self._partition for each in partitions]
            kept = [is_own and _is_user(user) for user, is_own in zip(users, own, strict=True)]
            self._note_strays(compress(messages, map(not_, kept)))
            rows, periods = rows.select(kept), list(compress(periods, kept))
        return {"": rows} if self._periods is None else _by_period(periods, rows)

    def _split(self, keys: list[bytes]) -> tuple[list[str], list[bytes]]:
        """Return the period and the user of each key, no user where it has no such period."""
        if self._periods is None:
            return [], keys
        pairs = split_keys(keys)
        known = {period for period in {period for period, _ in pairs} if self._periods(period)}
        users = [user if period in known else b"" for period, user in pairs]
        return [period for period, _ in pairs], users

    def check_strays(self) -> None:
        """Check, when the partition is read to its end, what was left out.

        Raises:
            FlowFailed: The table has to be re-keyed.
        """
        self._is_checked = True
        if self._moved:
            fail(
                f"{self}: {len(self._moved)} users, such as "
                f"{next(iter(self._moved))!r}, belong to another of its "
                f"{self._topic.partitions} partitions: were partitions added? "
                "docs/operations.md says how to re-key it"
            )
        self._report()

    def _note_strays(self, messages: Iterable[Message]) -> None:
        for message in messages:
            key = message.key() or b""
            self._strays.pop(key, None)
            self._moved.discard(key)
            if message.value() is not None:
                self._strays[key] = place(message)
                if _is_user(self._split([key])[1][0]) and _is_ours(message):
                    self._moved.add(key)
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
        found = self._codec.decode_all(values) if values else []
        if found is not None:
            return list(found) if self._sign > 0 else [-score for score in found]
        return [score and self._sign * score for score in decode_bests(messages, self._codec)]


def board_decoder(
    settings: Settings, calendar: Calendar, board: str, topic: Topic, partition: int
) -> TableDecoder:
    """Return a decoder of one partition of the table of a board."""
    find = None if board == ALL_TIME else partial(calendar.find, board)
    codec = score_codec(settings.topics.high_scores.format)
    return TableDecoder(topic, partition, codec, sign=settings.sign, periods=find)


def decode_bests(messages: list[Message], codec: ScoreCodec) -> list[int | None]:
    """Read bests one by one; None is a tombstone.

    Raises:
        FlowFailed: One cannot be read.
    """
    return list(map(_checked, messages, codec.decode_each(map(Message.value, messages))))


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

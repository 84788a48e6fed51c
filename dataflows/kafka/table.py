"""Decoding the messages of a table: rows of users and scores, by period."""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from itertools import compress, islice
from operator import not_
from typing import Any, NamedTuple

from confluent_kafka import Message

from conf.settings import Settings
from dataflows.kafka.partitioner import partitions_of
from dataflows.kafka.topics import Topic
from dataflows.periods import ALL_TIME, Calendar, Period
from dataflows.process import fail
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

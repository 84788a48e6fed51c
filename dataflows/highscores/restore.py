"""Restores a shard from its partition of `high-scores`, and checks its messages."""

import logging
import time
from collections.abc import Iterator
from itertools import compress
from typing import NamedTuple

from confluent_kafka import Consumer, Message, TopicPartition

from conf import clients
from dataflows.context import FlowContext
from dataflows.highscores.fold import LastOrigin, Origins, Removal, Shard, note_removal
from dataflows.kafka.consumer import RETRY_SECONDS, assign, bounds, consume
from dataflows.kafka.producer import Headers, Record
from dataflows.kafka.table import TableDecoder, place, read_to_end
from dataflows.leaderboard import NO_SCORE
from dataflows.process import fail

log = logging.getLogger(__name__)

POLL_SECONDS = 0.01
ONE_MESSAGE = {"enable.partition.eof": "true", "max.partition.fetch.bytes": "65536"}


class Restored(NamedTuple):
    """A shard, and the records that its partition lacks."""

    shard: Shard
    repairs: list[Record]


def restore(context: FlowContext, partition: int) -> Restored:
    """Read a partition of `high-scores` to its end; its earlier writers must have been fenced.

    Raises:
        FlowFailed: It cannot be read, or was not re-keyed after partitions were added.
    """
    table = _Table(context, partition)
    for messages in table.read():
        table.load(messages)
    table.decoder.check_strays()
    table.report_unreadable()
    counted = _still_there(context, table.origins.last)
    return Restored(Shard(table.best, counted, table.removed), list(table.repairs()))


class _Table:
    """One partition of `high-scores`, as far as it is read."""

    def __init__(self, context: FlowContext, partition: int) -> None:
        self._context = context
        self._partition = partition
        self._topic = context.topic("high_scores")
        form = context.settings.topics.high_scores.format
        self.decoder = TableDecoder(self._topic, partition, form)
        self.best: dict[bytes, int] = {}
        self.removed: dict[bytes, Removal] = {}
        self.origins = Origins(context.topic("scores").id)
        self._lowered: set[bytes] = set()

    def read(self) -> Iterator[list[Message]]:
        """Yield the messages of the partition, in batches, by offset."""
        settings, stopping = self._context.settings, self._context.stopping
        return read_to_end(settings, self._topic.name, self._partition, stopping)

    def load(self, messages: list[Message]) -> None:
        """Load a batch: the greatest score of each user since the last tombstone."""
        rows = self.decoder.decode(messages)
        best, lowered = self.best, self._lowered
        for user, score in zip(rows.users, rows.scores, strict=True):
            if score is None:
                best.pop(user, None)
            elif score >= best.get(user, NO_SCORE):
                best[user] = score
            else:
                lowered.add(user)
                continue
            if lowered:
                lowered.discard(user)
        for message in compress(rows.messages, (score is None for score in rows.scores)):
            origin = self.origins.of(message)
            if origin is not None:
                removal = Removal(origin.partition, message.timestamp()[1])
                note_removal(self.removed, message.key() or b"", removal)
        self.origins.note(rows.messages)

    def report_unreadable(self) -> None:
        """Report headers that cannot be read: only a replay of their scores is not skipped."""
        found: list[Message] = list(map(_as_message, self.origins.unreadable))
        if found:
            log.error(
                "%s: the header `origin` of %r cannot be read, and %d more like it: another "
                "program has written there; it is ignored, nothing is lost",
                place(found[0]),
                found[0].key(),
                len(found) - 1,
            )

    def repairs(self) -> Iterator[Record]:
        """Yield the best of each user that a lower one follows, to be written again.

        A flow that was killed or paused without being fenced can write late, and lower a best.
        """
        if not self._lowered:
            return
        log.warning(
            "%s[%d]: the bests of %d users went down without a tombstone, that of %r among them: "
            "two flows have overlapped with `at_least_once`; the higher ones are written again",
            self._topic.name,
            self._partition,
            len(self._lowered),
            next(iter(self._lowered)),
        )
        for messages in self.read():
            rows = self.decoder.decode(messages)
            for user, score, message in zip(*rows, strict=True):
                if user in self._lowered and score == self.best[user]:
                    self._lowered.discard(user)
                    yield self._record(message)

    def _record(self, message: Message) -> Record:
        headers: Headers = []
        if self.origins.of(message) is not None:
            headers = list(message.headers() or ())  # type: ignore[arg-type]  # pairs
        topic, time_ms = self._topic.name, message.timestamp()[1]
        value, user = message.value(), message.key()
        return topic, value, user, self._partition, None, None, time_ms, headers


def _as_message(message: object) -> Message:
    assert isinstance(message, Message)  # noqa: S101 - `load` has noted nothing else
    return message


def _still_there(context: FlowContext, last: dict[int, LastOrigin]) -> dict[int, int]:
    """Return the offset of each last origin whose score is still at that offset of `scores`.

    A log may become shorter: a disk is lost, or a replica that lagged behind leads. New scores then
    take the offsets of the lost ones, and must not be skipped as counted.
    """
    if not last:
        return {}
    topic = context.topic("scores").name
    consumer = Consumer({**clients.consumer(context.settings), **ONE_MESSAGE})
    try:
        ends = {partition: bounds(consumer, topic, partition) for partition in last}
        wanted = {
            partition: origin
            for partition, origin in last.items()
            if ends[partition][0] <= origin.offset < ends[partition][1]
        }
        found = _read_origins(consumer, topic, wanted)
    finally:
        consumer.close()
    expired = {p: origin for p, origin in last.items() if origin.offset < ends[p][0]}
    counted = expired | {p: origin for p, origin in found.items() if origin == last[p]}
    for partition in last.keys() - counted.keys():
        log.warning(
            "%s[%d]@%d is not the score that was counted: the log became shorter or was replaced; "
            "no score of it passes for counted",
            topic,
            partition,
            last[partition].offset,
        )
    return {partition: origin.offset for partition, origin in counted.items()}


def _read_origins(
    consumer: Consumer, topic: str, wanted: dict[int, LastOrigin]
) -> dict[int, LastOrigin]:
    """Read the message at or after each offset, as an origin."""
    found: dict[int, LastOrigin] = {}
    missing = set(wanted)
    if wanted:
        assign(consumer, [TopicPartition(topic, each, wanted[each].offset) for each in wanted])
    deadline = time.monotonic() + RETRY_SECONDS
    while missing:
        if time.monotonic() > deadline:
            fail(f"{topic}: nothing for {RETRY_SECONDS} s; is the broker up?")
        messages, ends = consume(consumer, POLL_SECONDS)
        for message in reversed(messages):  # the first of each partition counts
            user, time_ms = message.key() or b"", max(message.timestamp()[1], 1)
            found.setdefault(message.partition() or 0, LastOrigin(-1, b"", 0))
            found[message.partition() or 0] = LastOrigin(message.offset() or 0, user, time_ms)
            missing.discard(message.partition() or 0)
        missing -= ends.keys()
    return found

"""Restores a shard from its partition of `high-scores`, and checks its messages."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf import clients
from conf.settings import Board, table_kind
from dataflows.context import FlowContext, partition_name
from dataflows.highscores.fold import (
    AllTime,
    ByPeriod,
    Counted,
    LastOrigin,
    Origins,
    Removal,
    Shard,
    note_removal,
)
from dataflows.highscores.starts import Starts
from dataflows.kafka.caught_up import read_to_end
from dataflows.kafka.consumer import RETRY_SECONDS, assign, bounds, consume, message_place
from dataflows.kafka.producer import Headers, Record
from dataflows.kafka.table import TableDecoder, TableRows, board_decoder, place
from dataflows.leaderboard import NO_SCORE
from dataflows.periods import ALL_TIME, Calendar
from dataflows.process import fail

log = logging.getLogger(__name__)

POLL_SECONDS = 0.01
ALMOST = 0.99  # of a shard that is read, and not yet restored
ONE_MESSAGE = {"enable.partition.eof": "true", "max.partition.fetch.bytes": "65536"}


class Restored(NamedTuple):
    """A shard, and the records that its partitions lack."""

    shard: Shard
    repairs: list[Record]


def restore(context: FlowContext, calendar: Calendar, starts: Starts, partition: int) -> Restored:
    """Read a partition of each table to its end; its earlier writers must have been fenced.

    Of the tables of periods only what may belong to open ones is read.

    Raises:
        FlowFailed: One cannot be read, or was not re-keyed after partitions were added.
    """
    read = [_read(context, calendar, starts, board, partition) for board in context.settings.boards]
    tables = {"": {}, **{period: best for table in read for period, best in table.bests.items()}}
    all_time, *others = (Counted(table.counted(), table.removed) for table in read)
    boards: list[AllTime | ByPeriod] = [AllTime(tables[""], all_time)]
    sources = context.topic("scores").partitions
    for board, counted in zip(calendar.boards, others, strict=True):
        boards.append(ByPeriod(board, calendar, tables, counted, sources=sources))
    repairs = [record for table in read for record in table.repairs()]
    return Restored(Shard(tables, boards, _replayed(boards)), repairs)


def _replayed(boards: list[AllTime | ByPeriod]) -> dict[int, int]:
    found: dict[int, int] = {}
    for board in boards:
        for partition, offset in board.counted.until.items():
            found[partition] = max(offset, found.get(partition, -1))
    return found


def _read(
    context: FlowContext, calendar: Calendar, starts: Starts, board: Board, partition: int
) -> "_Table":
    topic = context.topic(table_kind(board))
    decoder = board_decoder(context.settings, calendar, board, topic, partition)
    since = 0 if board == ALL_TIME else starts.oldest_open(board)
    boards, stopping, name = context.settings.boards, context.stopping, partition_name(partition)
    earlier = boards.index(board)

    def note(done: float) -> None:
        context.restoring.note(name, min((earlier + done) / len(boards), ALMOST))

    def read() -> Iterator[list[Message]]:
        start = TopicPartition(topic.name, partition, OFFSET_BEGINNING)
        return read_to_end(
            context.settings, start, since=since, stopping=stopping, on_progress=note
        )

    origins = Origins(context.topic("scores").id, has_periods=board != ALL_TIME)
    table = _Table(context, decoder, origins, read)
    for messages in read():
        table.load(messages)
    decoder.check_strays()
    table.report_unreadable()
    return table


class _Table:
    """One partition of a table, as far as it is read; `read` yields its messages from the start."""

    def __init__(
        self,
        context: FlowContext,
        decoder: TableDecoder,
        origins: Origins,
        read: Callable[[], Iterator[list[Message]]],
    ) -> None:
        self._context = context
        self._decoder = decoder
        self._origins = origins
        self._read = read
        self.bests: dict[str, dict[bytes, int]] = {}  # by period
        self.removed: dict[bytes, Removal] = {}
        self._lowered: set[tuple[str, bytes]] = set()

    def counted(self) -> dict[int, int]:
        """Return the offset of the last score from each partition of `scores` that is counted."""
        return _still_there(self._context, self._origins.last)

    def load(self, messages: list[Message]) -> None:
        """Load a batch: the greatest score of each user since the last tombstone."""
        found = self._decoder.decode(messages)
        for period, rows in found.items():
            self._load(period, rows)
        loaded = [message for rows in found.values() for message in rows.messages]
        if len(found) > 1:
            loaded.sort(key=lambda message: message.offset() or 0)
        self._origins.note(loaded)

    def _load(self, period: str, rows: TableRows) -> None:
        best, lowered = self.bests.setdefault(period, {}), self._lowered
        for user, score in zip(rows.users, rows.scores, strict=True):
            if score is None:
                best.pop(user, None)
            elif score >= best.get(user, NO_SCORE):
                best[user] = score
            else:
                lowered.add((period, user))
                continue
            if lowered:
                lowered.discard((period, user))
        for user, score, message in zip(*rows, strict=True) if None in rows.scores else ():
            origin = self._origins.of(message) if score is None else None
            if origin is not None:
                removal = Removal(origin.partition, message.timestamp()[1])
                note_removal(self.removed, user, removal)

    def report_unreadable(self) -> None:
        """Report headers that cannot be read: only a replay of their scores is not skipped."""
        count, first = self._origins.unreadable, self._origins.first_unreadable
        if count:
            log.error(
                "%s: the header `origin` of %r cannot be read, and %d more like it: another "
                "program has written there; it is ignored, nothing is lost",
                place(first),
                first.key(),
                count - 1,
            )

    def repairs(self) -> Iterator[Record]:
        """Yield the best of each user that a lower one follows, to be written again.

        A flow that was killed or paused without being fenced can write late, and lower a best.
        """
        if not self._lowered:
            return
        log.warning(
            "%s: the bests of %d users went down without a tombstone, that of %r among them: two "
            "flows have overlapped with `at_least_once`; the higher ones are written again",
            self._decoder,
            len(self._lowered),
            next(iter(self._lowered))[1],
        )
        reached: dict[tuple[str, bytes], Message] = {}
        for messages in self._read():
            for period, rows in self._decoder.decode(messages).items():
                self._note_reached(reached, period, rows)
        yield from map(self._record, reached.values())

    def _note_reached(
        self, reached: dict[tuple[str, bytes], Message], period: str, rows: TableRows
    ) -> None:
        """Note the first message since the last tombstone that has the best of a lowered user."""
        for user, score, message in zip(*rows, strict=True):
            key = period, user
            if score is None:
                reached.pop(key, None)
            elif key in self._lowered and score == self.bests[period][user]:
                reached.setdefault(key, message)

    def _record(self, message: Message) -> Record:
        headers: Headers = {}
        if self._origins.of(message) is not None:
            headers = dict(message.headers() or ())
        topic, partition, time_ms = *message_place(message), message.timestamp()[1]
        return topic, message.value(), message.key(), partition, None, None, time_ms, headers


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
        for message in messages:  # the first of each partition counts
            (_, partition), time_ms = message_place(message), max(message.timestamp()[1], 1)
            origin = LastOrigin(message.offset() or 0, message.key() or b"", time_ms)
            found.setdefault(partition, origin)
            missing.discard(partition)
        missing -= {partition for _, partition in ends}
    return found

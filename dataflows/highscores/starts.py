"""Where each partition of `scores` begins to be read, and which periods are open there."""

import logging
import secrets
import threading
import time
from collections import Counter
from functools import cached_property, partial
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from dataflows.context import FlowContext
from dataflows.kafka.consumer import EARLIEST, LATEST, SharedConsumer, begins_before
from dataflows.kafka.topics import Topic
from dataflows.periods import Calendar
from dataflows.stream_time import StreamTime
from dataflows.wire import CommitMark, decode_mark

log = logging.getLogger(__name__)

NO_POSITION = " has no committed position"


class Start(NamedTuple):
    """Where a partition begins to be read, the mark of its commits, and its stream time.

    `position` is committed at once, to show the mark; `offset` is where reading begins, at the
    stream time `began`. `stream` moves on as the filter reads.
    """

    position: TopicPartition
    offset: int
    mark: CommitMark
    stream: StreamTime
    began: int


class Starts:
    """The start of each partition of `scores`, from what the group has committed. Thread-safe.

    A committed position is trusted only with a mark of these topics: see `highscores.source`.
    """

    def __init__(self, context: FlowContext, calendar: Calendar) -> None:
        self._context = context
        self._calendar = calendar
        self._flow = secrets.token_hex(4)
        self._lock = threading.Lock()

    @cached_property
    def consumer(self) -> SharedConsumer:
        """The consumer of `scores` that all partitions of this process share."""
        context, with_ends = self._context, {"enable.partition.eof": "true"}
        topics = [context.topic("scores")]
        return SharedConsumer(context.settings, topics, context.deadlines, **with_ends)

    def of(self, partition: int) -> Start:
        """Return the start of a partition; the first call asks the broker for all.

        Raises:
            FlowFailed: The broker does not answer.
        """
        return self._all[partition]

    def oldest_open(self, board: str) -> int:
        """Return the start, in ms, of the oldest period that is open for any partition.

        Raises:
            FlowFailed: The broker does not answer.
        """
        starts = (start for partition, start in enumerate(self._all) if self.has_scores(partition))
        oldest = min((start.began for start in starts), default=0)
        return oldest and self._calendar.oldest_open(board, oldest).start

    def has_scores(self, partition: int) -> bool:
        """Return whether a partition has scores, counted or not: an empty one has no periods.

        Raises:
            FlowFailed: The broker does not answer.
        """
        start = self._all[partition]
        return start.began > 0 or start.position.offset < self._ends[partition]

    @cached_property
    def _ends(self) -> list[int]:
        return self.consumer.offsets_at([start.position for start in self._all], LATEST)

    @property
    def _all(self) -> list[Start]:
        with self._lock:
            return self._found

    @cached_property
    def _found(self) -> list[Start]:
        """The start of each partition; the log says why one is the beginning."""
        topic = self._context.topic("scores")
        asked = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
        found = self.consumer.committed(asked)
        reasons = list(map(self._distrust, found))
        for reason, count in Counter(filter(None, reasons)).items():
            level = logging.INFO if reason.endswith(NO_POSITION) else logging.WARNING
            log.log(
                level,
                "%s: reading %d of %d partitions of %s from the beginning; "
                "what was counted before is not written twice",
                reason,
                count,
                topic.partitions,
                topic.name,
            )
        is_new = any(reasons)
        firsts = self.consumer.offsets_at(asked, EARLIEST) if is_new else [0] * len(asked)
        if is_new:
            self._check_retention(asked)
        return list(map(self._start, found, reasons, firsts))

    def _check_retention(self, partitions: list[TopicPartition]) -> None:
        """Warn where Kafka deletes bests of periods that are open while old scores are counted."""
        tables = map(self._context.topic, self._context.settings.tables[1:])
        kept = {int(each.config["retention.ms"]): each.name for each in tables if _expires(each)}
        if not kept:
            return
        shortest = min(kept)
        since = int(time.time() * 1000) - shortest
        if begins_before(partial(self.consumer.offsets_at, partitions), since):
            log.warning(
                "%s has scores that are older than what %s keeps (retention.ms=%d): a restart "
                "before they are counted may make wrong final boards; raise retention.ms there, "
                "and the setting topics.high_scores.periods_retention_ms for new topics",
                partitions[0].topic,
                kept[shortest],
                shortest,
            )

    def _distrust(self, committed: TopicPartition) -> str:
        """Return why a committed position is not the one to begin with, "" where it is."""
        group = self._context.settings.group
        if committed.offset < 0:
            return f"group {group}{NO_POSITION}"
        mark = decode_mark(committed.metadata)
        if mark is None:
            return f"another program has moved the position of group {group}"
        scores = self._context.topic("scores")
        table, *others = map(self._context.topic, self._context.settings.tables)
        for topic, known in ((scores, {mark.scores_id}), (table, set(mark.table_ids))):
            if topic.id not in known | {""}:
                return f"{topic.name} was recreated, or is a copy from another cluster"
        news = [other.name for other in others if other.id not in mark.table_ids]
        return f"{news[0]} is new to group {group}, or was recreated" if news else ""

    def _start(self, committed: TopicPartition, distrust: str, first: int) -> Start:
        position, offset = committed, committed.offset
        before = decode_mark(committed.metadata)
        stream = StreamTime()
        if distrust:
            position = TopicPartition(committed.topic, committed.partition, first)
            offset = OFFSET_BEGINNING
        elif before and before.stream:
            stream = StreamTime.decode(before.stream)
        generation = before.generation + 1 if before else 1
        tables = tuple(self._context.topic(kind).id for kind in self._context.settings.tables)
        mark = CommitMark(self._context.topic("scores").id, tables, generation, self._flow)
        return Start(position, offset, mark, stream, stream.now)


def _expires(table: Topic) -> bool:
    """Return whether Kafka deletes old messages of a table."""
    is_deleting = "delete" in table.config.get("cleanup.policy", "")
    return is_deleting and int(table.config.get("retention.ms", -1)) >= 0

"""Which periods are closed, so that their boards can be final."""

import logging
import threading
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from conf import clients
from conf.settings import table_kind
from dataflows.context import FlowContext
from dataflows.kafka.consumer import LATEST, offsets_at
from dataflows.periods import YEAR_MS, Calendar, Period, StreamTime
from dataflows.wire import decode_mark

log = logging.getLogger(__name__)

CHECK_SECONDS = 5
REQUEST_SECONDS = 10


class PartitionProgress(NamedTuple):
    """How far `highscores` has counted a partition of `scores`: its stream time there, in ms.

    `is_all`: up to the end of the partition. `is_alone`: all scores there are of one user.
    """

    stream: int
    is_all: bool
    is_alone: bool = False


def progress(committed: TopicPartition, end: int, table_ids: set[str]) -> PartitionProgress:
    """Return how far a partition with that end is counted in each of these tables.

    A position without one of them is from before its board was switched on, or the table recreated.
    """
    mark = decode_mark(committed.metadata)
    if mark is None or not mark.stream or not table_ids <= set(mark.table_ids):
        return PartitionProgress(0, is_all=end == 0)
    stream, is_all = StreamTime.decode(mark.stream), end in {0, committed.offset}
    return PartitionProgress(stream.now, is_all, stream.is_alone)


def closed_until(partitions: Sequence[PartitionProgress]) -> int:
    """Return the stream time up to which all partitions are counted.

    A partition that is counted to its end is as far as the furthest: no score of it is missing, and
    otherwise it would hold back every board until somebody plays there. But a user who is alone in
    a partition may have a wrong clock: as in `StreamTime`, what is more than a year ahead counts
    only once two users have it.
    """
    alone = sorted((each.stream for each in partitions if each.is_alone), reverse=True)
    others = [each.stream for each in partitions if not each.is_alone]
    confirmed = max([*others, *alone[1:2]], default=0)
    known = [each.stream for each in partitions if each.stream <= confirmed + YEAR_MS]
    return min([max(known, default=0), *(each.stream for each in partitions if not each.is_all)])


class ClosedPeriods:
    """Looks every 5 s, in a thread, which periods are closed for every partition of `scores`.

    Everything that counts in a closed period is in its table before the ends that are asked for
    after that: `highscores` commits a position, and the stream time with it, only then. The
    exception is a score that comes later, in a partition that was at rest.
    """

    def __init__(self, context: FlowContext, calendar: Calendar) -> None:
        self._context = context
        self._calendar = calendar
        self._found: tuple[int, dict[str, list[int]]] = (0, {})
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def is_complete(self, period: Period, position: int, partition: int) -> bool:
        """Tell whether a partition is read as far as its table can say anything of a period."""
        self._start()
        until, ends = self._found
        return until >= period.closes_at and position >= ends[period.board][partition]

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="closed", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        # Ends with open transactions: Kafka confirms a commit before readers of what is committed
        # see it, and `highscores` may have committed its position meanwhile.
        uncommitted = {"isolation.level": "read_uncommitted"}
        consumer = Consumer({**clients.consumer(self._context.settings), **uncommitted})
        pause = threading.Event()
        while True:
            try:
                self._found = self._look(consumer)
            except KafkaException as error:
                log.debug("which periods are closed is not known: %s", error.args[0].str())
            pause.wait(CHECK_SECONDS)

    def _look(self, consumer: Consumer) -> tuple[int, dict[str, list[int]]]:
        name = self._context.settings.topics.scores.name
        partitions = consumer.list_topics(name, REQUEST_SECONDS).topics[name].partitions
        asked = [TopicPartition(name, partition) for partition in sorted(partitions)]
        committed = consumer.committed(asked, REQUEST_SECONDS)
        ends = offsets_at(consumer, asked, LATEST)
        table_ids = {self._context.topic(kind).id for kind in self._context.settings.tables}
        counted = [
            progress(each, end, table_ids) for each, end in zip(committed, ends, strict=True)
        ]
        tables = {board: self._ends(consumer, board) for board in self._calendar.boards}
        return closed_until(counted), tables

    def _ends(self, consumer: Consumer, board: str) -> list[int]:
        table = self._context.topic(table_kind(board))
        asked = [TopicPartition(table.name, partition) for partition in range(table.partitions)]
        return offsets_at(consumer, asked, LATEST)

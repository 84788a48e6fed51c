"""Which periods are closed, so that their boards can be final."""

import logging
import threading
import time
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from conf import clients
from conf.settings import table_kind
from dataflows.context import FlowContext
from dataflows.kafka.consumer import LATEST, check_errors, offsets_at
from dataflows.periods import YEAR_MS, Calendar, Period
from dataflows.stream_time import StreamTime
from dataflows.wire import decode_mark

log = logging.getLogger(__name__)

CHECK_SECONDS = 5
REQUEST_SECONDS = 10
REPORT_SECONDS = 60
WHAT = "closed periods"  # that the process waits for


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

    While Kafka does not answer, no board becomes final: the log says so once a minute, and so does
    `/ready`.
    """

    def __init__(self, context: FlowContext, calendar: Calendar) -> None:
        self._context = context
        self._calendar = calendar
        self._found: tuple[int, dict[str, list[int]]] = (0, {})
        self._report_at = float("-inf")  # monotonic seconds
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
        pause = threading.Event()
        while True:
            try:
                self._found = self._look()
            except Exception as error:  # noqa: BLE001 - whatever it is, the thread looks again
                self._report(error)
            else:
                self._context.waiting.pop(WHAT, None)
            pause.wait(CHECK_SECONDS)

    @cached_property
    def _consumer(self) -> Consumer:
        # Ends with open transactions: Kafka confirms a commit before readers of what is committed
        # see it, and `highscores` may have committed its position meanwhile.
        uncommitted = {"isolation.level": "read_uncommitted"}
        return Consumer({**clients.consumer(self._context.settings), **uncommitted})

    def _look(self) -> tuple[int, dict[str, list[int]]]:
        name = self._context.settings.topics.scores.name
        topic = self._consumer.list_topics(name, REQUEST_SECONDS).topics[name]
        check_errors([topic])
        asked = [TopicPartition(name, partition) for partition in sorted(topic.partitions)]
        committed = self._consumer.committed(asked, REQUEST_SECONDS)
        check_errors(committed)
        ends = offsets_at(self._consumer, asked, LATEST)
        table_ids = {self._context.topic(kind).id for kind in self._context.settings.tables}
        counted = [
            progress(each, end, table_ids) for each, end in zip(committed, ends, strict=True)
        ]
        return closed_until(counted), {board: self._ends(board) for board in self._calendar.boards}

    def _ends(self, board: str) -> list[int]:
        table = self._context.topic(table_kind(board))
        asked = [TopicPartition(table.name, partition) for partition in range(table.partitions)]
        return offsets_at(self._consumer, asked, LATEST)

    def _report(self, error: Exception) -> None:
        settings, is_kafka = self._context.settings, isinstance(error, KafkaException)
        problem = (
            f"no board becomes final: which periods are closed is not known: "
            f"{error.args[0].str() if is_kafka else repr(error)}; top5 needs the right Describe "
            f"on group {settings.group} and on topic {settings.topics.scores.name}"
        )
        self._context.waiting[WHAT] = problem
        if time.monotonic() >= self._report_at:
            self._report_at = time.monotonic() + REPORT_SECONDS
            log.warning("%s", problem, exc_info=not is_kafka)

"""Read a partition to its end, also while others write it."""

import logging
import time
from collections.abc import Callable, Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf import clients
from conf.settings import Settings
from dataflows.broken import give_up
from dataflows.kafka import REQUEST_SECONDS, STALL_SECONDS, assign, consume, insist
from dataflows.stopping import leave

log = logging.getLogger(__name__)

LEVEL_SECONDS = 1
WAIT_SECONDS = 0.005


class Level:
    """When a reader of one partition is level with it: it has read all that was there a second ago.

    The end of a partition shows where a fetch finds nothing new, so never in one that is written
    all the time. There the end that the broker gives is read up to, and asked for again where that
    took longer than a second: compaction may drop an old message unread, and its successor is there
    by then.
    """

    def __init__(self, consumer: Consumer, position: TopicPartition) -> None:
        self._consumer = consumer
        self._position = position
        self._end = 0
        self._asked_at = float("-inf")

    def reached(self, messages: list[Message], end: int | None) -> int | None:
        """Give the offset of the end where what `consume` gave is level with it, else None.

        Raises:
            BrokenWorld: The broker does not answer.
        """
        if end is not None or not messages:
            return end
        read = (messages[-1].offset() or 0) + 1
        if read >= self._end and time.monotonic() > self._asked_at + LEVEL_SECONDS:
            self._asked_at = time.monotonic()
            self._end = self._ask()
        return read if read >= self._end else None

    def _ask(self) -> int:
        where = self._position
        ends = insist(
            lambda: self._consumer.get_watermark_offsets(where, REQUEST_SECONDS),
            f"end of {where.topic}[{where.partition}]",
        )
        return int(ends[1])


def read_to_end(
    settings: Settings, topic: str, partition: int, stopping: Callable[[], bool]
) -> Iterator[list[Message]]:
    """Yield a partition's messages from its beginning to its end, in batches, in offset order.

    Read committed: the end is the last stable offset, a second ago at most. Ends the process with
    status 0 when `stopping` turns true: what its flow has not committed is read again.

    Raises:
        BrokenWorld: An error, or nothing for 60 s.
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
    where = f"{start.topic}[{start.partition}]"
    deadline = time.monotonic() + STALL_SECONDS
    level = Level(consumer, start)
    end = None
    while end is None:
        if stopping():
            log.info("stopped while reading %s: what is not committed is read again", where)
            leave(0)
        messages, ends = consume(consumer, WAIT_SECONDS)
        end = level.reached(messages, ends.get(start.partition))
        if messages:
            deadline = time.monotonic() + STALL_SECONDS
            yield messages
        elif time.monotonic() > deadline:
            give_up(
                f"{where}: nothing for {STALL_SECONDS} s; is the broker up and the topic there?"
            )

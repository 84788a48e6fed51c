"""Reading partitions to their ends, while others write them."""

import logging
import time
from collections.abc import Callable, Iterator

from confluent_kafka import Consumer, Message, TopicPartition

from conf import clients
from conf.settings import Settings
from dataflows.kafka.consumer import assign, bounds, consume, offsets_since
from dataflows.process import Stopping, exit_now, fail

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


def read_to_end(  # noqa: PLR0913 - most calls need two
    settings: Settings,
    start: TopicPartition,
    *,
    since: int = 0,
    until: int = 0,
    stopping: Stopping | None = None,
    on_progress: Callable[[float], object] = lambda _: None,
) -> Iterator[list[Message]]:
    """Yield a partition's messages from a position to its end, in batches, by offset.

    Where `since` is not 0, it begins with the first message of that time, in ms, or of a later one.

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
        if since > 0:
            (start,) = offsets_since(consumer, [start], since)
        # A leader that was just elected may show an earlier end for a moment: this question waits
        # until it does not (KIP-207), a fetch does not.
        until = max(until, bounds(consumer, start.topic, start.partition)[1])
        assign(consumer, [start])
        yield from _until_end(consumer, start, until, stopping, on_progress)
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

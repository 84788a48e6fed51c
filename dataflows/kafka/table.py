"""Reading a table: its partitions from the beginning to the end, while others write them."""

import logging
import time
from collections.abc import Callable, Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf import clients
from conf.settings import Format, Settings
from dataflows.kafka.consumer import REQUEST_SECONDS, assign, consume, retry
from dataflows.process import exit_now, fail
from dataflows.wire import BadMessage, decode_each, decode_scores

log = logging.getLogger(__name__)

CAUGHT_UP_SECONDS = 1
SILENCE_SECONDS = 60
POLL_SECONDS = 0.005


class CaughtUp:
    """Tells when a reader of one partition has read all that was there a second ago.

    librdkafka reports the end of a partition when a fetch finds nothing new: never in one that is
    written all the time. There the end that the broker names is read up to. It is asked for again
    when that took longer than a second: compaction may drop an old message before it is read, and
    its successor stands behind that end.
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
        read = (messages[-1].offset() or 0) + 1
        if read >= self._end and time.monotonic() > self._asked_at + CAUGHT_UP_SECONDS:
            self._asked_at = time.monotonic()
            self._end = self._ask()
        return read if read >= self._end else None

    def _ask(self) -> int:
        where = self._position
        ends = retry(
            lambda: self._consumer.get_watermark_offsets(where, REQUEST_SECONDS),
            f"end of {where.topic}[{where.partition}]",
        )
        return int(ends[1])


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


def decode_bests(messages: list[Message], form: Format) -> list[int | None] | list[int]:
    """Read the bests of messages of `high-scores`, None for a tombstone.

    Raises:
        FlowFailed: One cannot be read: without it nobody knows the user's best.
    """
    values = [message.value() for message in messages]
    scores = decode_scores(values, form) if values else []
    if scores is not None:
        return scores
    return list(map(_checked, messages, decode_each(values, form)))


def _checked(message: Message, score: int | BadMessage | None) -> int | None:
    if isinstance(score, BadMessage):
        fail(
            f"{message.topic()}[{message.partition()}]@{message.offset()}: the best of "
            f"{message.key()!r} is {score}: has another program written it, or was the format "
            "changed? docs/operations.md says how to go on, 'A best cannot be read'"
        )
    return score

"""Reading Kafka: the one consumer of a process, and calls that are retried."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NoReturn, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from conf import clients
from conf.settings import Settings
from dataflows import metrics
from dataflows.kafka import rights
from dataflows.kafka.topics import Topic
from dataflows.pace import Deadlines
from dataflows.process import fail

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

BATCH = 10_000  # messages
RETRY_SECONDS = 60
RETRY_PAUSE_SECONDS = 0.2
REQUEST_SECONDS = 10
COMMITTED_SECONDS = 30  # a busy broker took more than 10
CLOSE_SECONDS = 0.2
LATEST = -1  # as a time: where a partition ends, in one request for all
EARLIEST = -2  # as a time: where a partition begins, in one request for all (ListOffsets)
WAIT_SECONDS = 0.1  # for a message, where no other process sends any to this one
CLUSTER_WAIT_SECONDS = 0.005
STEP_TURNS = 3  # polls until Bytewax has run every step; one was enough when measured


Place = tuple[str, int]
"""A topic and one of its partitions."""


class SharedConsumer:
    """One consumer for all partitions that a process reads; for one thread.

    A consumer for each partition would cost a thread, a connection, a fetch request and a wake-up
    each. At most 10,000 messages wait for their partitions: librdkafka is polled again
    when all of them were returned.

    **Waiting.** A poll waits inside librdkafka until a message arrives, so an idle flow costs
    nothing and a message is read at once. No step runs meanwhile: Bytewax runs them in the same
    thread. So a poll waits only after all steps have run since the last message, and not past the
    deadline of a step. In a cluster it waits for 5 ms at most: other processes send candidates.

    Bytewax's own way of waiting, `next_awake`, compares a stored time with the wall clock: set back
    by an hour, it would wait for an hour. This class never reads the wall clock.
    """

    def __init__(
        self, settings: Settings, topics: Sequence[Topic], deadlines: Deadlines, **properties: str
    ) -> None:
        ours = {**clients.consumer(settings), **properties, "on_commit": self._note_commit}
        self._consumer = Consumer(ours)
        self._topics = topics
        self._group = settings.group
        self._deadlines = deadlines
        self._positions: dict[Place, TopicPartition] = {}  # after what librdkafka has returned
        self._on_failed_commit: dict[Place, Callable[[KafkaError], None]] = {}
        self._is_assigned = False
        self._turns = 0  # polls since the last message
        self._uncommitted: dict[Place, TopicPartition] = {}
        self._polled: dict[Place, list[Message]] = {}
        self._ends: dict[Place, int] = {}
        self.is_behind = False  # the last poll brought half a batch or more: more is waiting

    def committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return the committed positions of partitions, in their order.

        Raises:
            FlowFailed: The broker does not answer.
        """
        ask = self._consumer.committed
        # librdkafka times out where the right is missing, and does not say why.
        topic = partitions[0].topic
        name = f"committed positions of {topic} (with the right Read on group {self._group})"
        return retry(lambda: ask(partitions, timeout=COMMITTED_SECONDS), name)

    def offsets_at(self, partitions: list[TopicPartition], time: int) -> list[int]:
        """Return what the function `offsets_at` does.

        Raises:
            FlowFailed: The broker does not answer.
        """
        name = f"bounds of {partitions[0].topic}"
        return retry(lambda: offsets_at(self._consumer, partitions, time), name)

    def add(
        self,
        position: TopicPartition,
        on_failed_commit: Callable[[KafkaError], None] | None = None,
    ) -> None:
        """Read a partition from a position on, which a leader epoch of its own protects."""
        self._positions[_place(position)] = position
        if on_failed_commit is not None:
            self._on_failed_commit[_place(position)] = on_failed_commit
        self._is_assigned = False

    def poll(self, place: Place) -> tuple[list[Message], int | None]:
        """Return new messages of a partition, by offset, and its end where they reach it.

        One of the partitions polls for all of them.

        Raises:
            FlowFailed: The topic cannot be read on.
        """
        if place == min(self._positions) and not self._polled and not self._ends:
            self._poll()
        return self._polled.pop(place, []), self._ends.pop(place, None)

    def last_end(self, place: Place) -> int | None:
        """Return the end of a partition as of the last fetch, None before the first.

        As in Kafka's tools it is the high watermark: open transactions are before it.
        """
        _, high = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
        return high if high >= 0 else None

    def commit(self, position: TopicPartition) -> None:
        """Commit a position with the next poll; a failure goes to `on_failed_commit`."""
        self._uncommitted[_place(position)] = position

    def commit_now(self, position: TopicPartition) -> None:
        """Commit a position, and wait for the answer.

        Raises:
            KafkaException: The broker refused.
        """
        self._consumer.commit(offsets=[position], asynchronous=False)

    def remove(self, place: Place) -> None:
        """Stop reading a partition; after the last one the consumer closes, and commits nothing.

        Without a broker librdkafka waits for a pending commit for ever, and the process with it: it
        is left alone after 0.2 s. Source: https://github.com/confluentinc/librdkafka/issues/3740
        """
        self._positions.pop(place, None)
        self._polled.pop(place, None)
        self._ends.pop(place, None)
        if not self._positions:
            closing = threading.Thread(target=self._consumer.close, daemon=True)
            closing.start()
            closing.join(CLOSE_SECONDS)

    def _poll(self) -> None:
        if not self._is_assigned:
            self._is_assigned = True
            assign(self._consumer, list(self._positions.values()))
        if self._uncommitted:  # of all partitions in one request
            positions, self._uncommitted = list(self._uncommitted.values()), {}
            self._consumer.commit(offsets=positions, asynchronous=True)
        is_committed = bool(self._on_failed_commit)
        messages, ends = consume(self._consumer, self._wait_seconds(), is_committed=is_committed)
        self._turns = 0 if messages else self._turns + 1
        self.is_behind = len(messages) >= BATCH // 2
        self._ends = {each: end for each, end in ends.items() if each in self._positions}
        for place, run in self._by_place(messages):
            if place in self._positions:  # it was not removed
                self._polled.setdefault(place, []).extend(run)
                after = (self._polled[place][-1].offset() or 0) + 1
                self._positions[place] = TopicPartition(*place, after)

    def _by_place(self, messages: list[Message]) -> Iterator[tuple[Place, Iterable[Message]]]:
        """Group messages by their partition, in runs; a call of C for each where it can be."""
        if len(self._topics) > 1:
            yield from groupby(messages, message_place)
            return
        (topic,) = self._topics
        partition_of: Any = Message.partition  # never None: the messages were consumed
        for partition, run in groupby(messages, partition_of):
            yield (topic.name, partition), run

    def _wait_seconds(self) -> float:
        if self._turns < STEP_TURNS:
            return 0
        is_alone = len(self._positions) == sum(topic.partitions for topic in self._topics)
        longest = WAIT_SECONDS if is_alone else CLUSTER_WAIT_SECONDS
        return min(longest, self._deadlines.seconds_left())

    def _note_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        for each in offsets:
            failure = each.error or error
            if failure is not None:
                metrics.failed_commits.inc()
                self._on_failed_commit[_place(each)](failure)
            else:
                metrics.last_commit.set_to_current_time()


def message_place(message: Message) -> Place:
    """Return the topic and the partition of a message that was consumed."""
    return message.topic() or "", message.partition() or 0


def _place(position: TopicPartition) -> Place:
    return position.topic, position.partition


def retry(call: Callable[[], Answer], name: str) -> Answer:
    """Call the broker until it answers, for 60 s: a new or a busy one refuses at first.

    Raises:
        FlowFailed: It refused for 60 s.
    """
    deadline, pause = time.monotonic() + RETRY_SECONDS, RETRY_PAUSE_SECONDS
    while True:
        try:
            return call()
        except KafkaException as error:
            left = deadline - time.monotonic()
            if left <= 0:
                fail(f"{name}: {error.args[0].str()}; is the broker well?", error)
            log.info("%s: %s, asking again", name, error.args[0].str())
            time.sleep(min(pause, left))
            pause = 2 * pause if rights.is_missing(error.args[0]) else pause


def assign(consumer: Consumer, positions: list[TopicPartition]) -> None:
    """Read partitions from these positions on.

    Then it asks for the leaders, which saves librdkafka half a second. Not before: librdkafka
    checks the leader epoch of a position only when it learns of the leader after the assignment.

    Raises:
        FlowFailed: The broker does not answer.
    """
    consumer.assign(positions)
    for name in sorted({position.topic for position in positions}):
        ask = partial(consumer.list_topics, name, timeout=REQUEST_SECONDS)
        retry(ask, f"metadata of {name}")


def offsets_since(
    consumer: Consumer, partitions: list[TopicPartition], since: int
) -> list[TopicPartition]:
    """Return the position of the first message of a time, in ms, or of a later one.

    A time of 0 or below is the beginning. A partition without such a message gives its end, as it
    was before the question: no message that comes later is missed.

    Raises:
        FlowFailed: The broker does not answer.
    """
    if since <= 0:
        return [TopicPartition(at.topic, at.partition, OFFSET_BEGINNING) for at in partitions]
    name = f"positions of {partitions[0].topic} at a time"
    ends, found = (
        retry(partial(offsets_at, consumer, partitions, time), name) for time in (LATEST, since)
    )
    return [
        TopicPartition(at.topic, at.partition, end if offset < 0 else offset)
        for at, end, offset in zip(partitions, ends, found, strict=True)
    ]


def offsets_at(consumer: Consumer, partitions: Iterable[TopicPartition], time: int) -> list[int]:
    """Return the offset of the first message of a time, in ms, or of a later one, by partition.

    `EARLIEST` is the first message, `LATEST` the end; -1 stands where there is no such message.

    Raises:
        KafkaException: The broker does not answer.
    """
    asked = [TopicPartition(each.topic, each.partition, time) for each in partitions]
    found = consumer.offsets_for_times(asked, REQUEST_SECONDS)
    check_errors(found)
    return [each.offset for each in found]


def check_errors(answers: Iterable[Any]) -> None:
    """Raise the error of one topic or partition; the others may have an answer.

    Raises:
        KafkaException: With the first error.
    """
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)


def begins_before(ask: Callable[[int], Iterable[int]], time: int) -> bool:
    """Return whether the first message of any partition is older than a time, in ms.

    `ask` returns the offset of each partition at a time, as `offsets_at` does.
    """
    offsets = zip(*map(ask, (EARLIEST, LATEST, time)), strict=True)
    return any(low < end and found != low for low, end, found in offsets)


def bounds(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """Return the offset of the first message of a partition, and its end.

    Raises:
        FlowFailed: The broker does not answer.
    """
    where = TopicPartition(topic, partition)
    return retry(
        lambda: consumer.get_watermark_offsets(where, REQUEST_SECONDS),
        f"bounds of {topic}[{partition}]",
    )


def consume(
    consumer: Consumer, wait_seconds: float = 0, *, is_committed: bool = False
) -> tuple[list[Message], dict[Place, int]]:
    """Return up to 10,000 messages, by offset, and the end of each partition that they reach.

    Waits for the first message only. `is_committed`: the next start goes on from the positions that
    are read here, not from the beginning.

    Raises:
        FlowFailed: Any error but the end of a partition.
    """
    first = consumer.poll(wait_seconds) if wait_seconds else None
    head = [] if first is None else [first]
    messages = head + consumer.consume(BATCH - len(head), 0)
    if not any(map(Message.error, messages)):
        return messages, {}
    ends: dict[Place, int] = {}
    for message in messages:
        error = message.error()
        if error is None:
            continue
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - its public name
            _fail_at_lost_position(consumer, message, is_committed=is_committed)
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
            topic = message.topic()
            needed = ("Read", topic) if topic else ("Describe", "of the setting `group`")
            reason = rights.explain(error, *needed)
            fail(f"cannot read: {reason} ({error.name()}); fix the cause, and start again")
        ends[message_place(message)] = message.offset() or 0
    return [message for message in messages if message.error() is None], ends


def _fail_at_lost_position(consumer: Consumer, message: Message, *, is_committed: bool) -> NoReturn:
    topic, partition = message_place(message)
    name = f"{topic}[{partition}]"
    low, end = bounds(consumer, topic, partition)
    position = message.offset()  # None where the epochs show that the log became shorter
    if position is not None and position < low:
        see = "see docs/operations.md, 'The position is gone'"
        fail(
            f"{name}: the position to read from, {position}, was deleted by retention, the first "
            f"message there is {low}: {see if is_committed else 'start again to read what is left'}"
        )
    forget = "`python -m dataflows.positions --forget` lets the flow count what is there"
    fail(
        f"{name}: its log became shorter, or another one took its place: it ends at {end}; "
        f"{forget if is_committed else 'start again to read what is there'}; see "
        "docs/operations.md, 'The log became shorter'"
    )

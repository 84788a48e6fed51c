"""The one consumer with which a process reads all of its partitions of a topic.

A consumer for each partition would cost a thread, a connection, a fetch request and a wake-up for
each: a tenth of the work of a flow that catches up, and more of one that is idle.
"""

import threading
from collections.abc import Callable, Iterable
from itertools import groupby

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from conf import clients
from conf.settings import Settings
from dataflows.kafka import Pace, assign, consume, insist

COMMITTED_SECONDS = 30  # a busy broker was seen to take more than 10
CLOSE_SECONDS = 0.2

Note = Callable[[KafkaError], None]


class Intake:
    """Messages for the partitions of one process, each by offset; for one worker, its thread.

    It takes 10,000 at a time from librdkafka, and no more before the partitions have taken these:
    what is held stays small enough for the processor's cache.
    """

    def __init__(self, settings: Settings, topic: str, **properties: str) -> None:
        ours = {**clients.consumer(settings), **properties, "on_commit": self._note_commit}
        self._consumer = Consumer(ours)
        self.pace = Pace()
        self._topic = topic
        self._positions: dict[int, int] = {}  # of what was taken from librdkafka
        self._notes: dict[int, Note] = {}
        self._is_assigned = False
        self._ready: dict[int, list[Message]] = {}
        self._ends: dict[int, int] = {}

    def committed(self, asked: TopicPartition) -> TopicPartition:
        """Give the committed position of a partition.

        Raises:
            BrokenWorld: The broker does not answer.
        """
        what = f"committed position of {self._topic}[{asked.partition}]"
        ask = self._consumer.committed
        (found,) = insist(lambda: ask([asked], timeout=COMMITTED_SECONDS), what)
        return found

    def join(self, partition: int, position: int, note: Note | None = None) -> None:
        """Read a partition from a position on; `note` is told of a commit that has failed."""
        self._positions[partition] = position
        if note is not None:
            self._notes[partition] = note
        self._is_assigned = False

    def take(self, partition: int) -> tuple[list[Message], int | None]:
        """Take what is there for a partition, 10,000 messages at most, and its end where reached.

        Raises:
            BrokenWorld: The topic cannot be read on.
        """
        if not self._ready and not self._ends and self.pace.is_due():
            self._fill()
        return self._ready.pop(partition, []), self._ends.pop(partition, None)

    def commit(self, position: TopicPartition, *, wait: bool = False) -> None:
        """Commit a position; without waiting, `note` hears of a failure.

        Raises:
            KafkaException: It waited, and the broker did not take it.
        """
        if wait:
            self._consumer.commit(offsets=[position], asynchronous=False)
        else:
            self._consumer.commit(offsets=[position], asynchronous=True)

    def leave(self, partition: int) -> None:
        """Read a partition no more; the last one closes the consumer, which commits nothing.

        Without a broker librdkafka would wait for ever for a commit under way, and the process with
        it: it is left alone after 0.2 s. Source: https://github.com/confluentinc/librdkafka/issues/3740
        """
        self._positions.pop(partition, None)
        self._ready.pop(partition, None)
        self._ends.pop(partition, None)
        if not self._positions:
            closing = threading.Thread(target=self._consumer.close, daemon=True)
            closing.start()
            closing.join(CLOSE_SECONDS)

    def _fill(self) -> None:
        if not self._is_assigned:
            self._is_assigned = True
            places = self._positions.items()
            assign(self._consumer, [TopicPartition(self._topic, *place) for place in places])
        messages, ends = consume(self._consumer)
        self.pace.saw(messages)
        self._ends = {each: end for each, end in ends.items() if each in self._positions}
        for partition, run in _runs(messages):
            if partition in self._positions:  # it has not left
                self._ready.setdefault(partition, []).extend(run)
                self._positions[partition] = (self._ready[partition][-1].offset() or 0) + 1

    def _note_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        for each in offsets:
            failure = error or each.error
            if failure is not None:
                self._notes[each.partition](failure)


def _runs(messages: list[Message]) -> Iterable[tuple[int, Iterable[Message]]]:
    return groupby(messages, Message.partition)  # type: ignore[arg-type]  # they were consumed

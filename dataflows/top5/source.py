"""The source `high-scores`: the table from its beginning to its end, then on as it changes."""

from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf import clients
from dataflows.context import AT_ONCE, FlowContext
from dataflows.kafka.consumer import SharedConsumer
from dataflows.kafka.table import CaughtUp


class TableBatch(NamedTuple):
    """At most 10,000 messages of one of `partitions` partitions of a table, by offset.

    All before the offset `position` is read. `is_caught_up` is true from the first batch on that
    reaches the end of the partition.
    """

    partition: int
    partitions: int
    messages: list[Message]
    position: int
    is_caught_up: bool


class TableSource(FixedPartitionedSource[TableBatch, None]):
    """The table `high-scores`, always from its beginning.

    It asks for the ends of partitions on a connection of its own: on that of the fetches, each
    question would wait for one to return, half a second for each partition if nothing new arrives.
    """

    def __init__(self, context: FlowContext) -> None:
        self._context = context

    def list_parts(self) -> list[str]:
        """Name the partitions of the topic."""
        return self._context.partitions("high_scores")

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "TablePartition":
        """Read one partition; Bytewax's resume state is ignored, the table is the state."""
        return TablePartition(self._context, self._consumer, self._end_consumer, int(for_part))

    @cached_property
    def _consumer(self) -> SharedConsumer:
        context, with_ends = self._context, {"enable.partition.eof": "true"}
        topic = context.topic("high_scores")
        return SharedConsumer(context.settings, topic, context.deadlines, **with_ends)

    @cached_property
    def _end_consumer(self) -> Consumer:
        return Consumer(clients.consumer(self._context.settings))


class TablePartition(StatefulSourcePartition[TableBatch, None]):
    """One partition of a table; reports when it has caught up, also where it is empty."""

    def __init__(
        self,
        context: FlowContext,
        consumer: SharedConsumer,
        end_consumer: Consumer,
        partition: int,
    ) -> None:
        self._context = context
        self._stopping = context.stopping
        self._topic = context.topic("high_scores")
        self._partition = partition
        self._consumer = consumer
        start = TopicPartition(self._topic.name, partition, OFFSET_BEGINNING)
        consumer.add(start)
        self._position = 0
        self._catching_up: CaughtUp | None = CaughtUp(end_consumer, start)
        self._watch = None if partition else context.watch()

    def next_batch(self) -> list[TableBatch]:
        """Return what is new, or an empty batch where a step is due.

        Raises:
            FlowFailed: The topic cannot be read on.
            StopIteration: The flow stops.
        """
        self._context.watchdog.note_progress()
        self._stopping.note_running()
        if self._stopping():
            raise StopIteration
        if self._watch:
            self._watch.check()
        self._context.transactions.commit_if_due()
        messages, end = self._consumer.poll(self._partition)
        if self._catching_up is not None:
            end = self._catching_up.end(messages, end)
            self._catching_up = self._catching_up if end is None else None
        if not messages and end is None and not self._context.deadlines.pop_due("board"):
            return []
        read = (messages[-1].offset() or 0) + 1 if messages else 0
        self._position = max(self._position, read, end or 0)
        return [
            TableBatch(
                self._partition,
                self._topic.partitions,
                messages,
                self._position,
                self._catching_up is None,
            )
        ]

    def next_awake(self) -> datetime:
        """Return a time in the past: `SharedConsumer` does the waiting."""
        return AT_ONCE

    def snapshot(self) -> None:
        """Keep nothing: the next run reads the table again."""

    def close(self) -> None:
        """Stop reading."""
        self._consumer.remove(self._partition)

"""The source `high-scores`: a table, from its beginning to its end, then on as it changes."""

from datetime import datetime
from typing import NamedTuple

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf import clients
from dataflows.ends import Level
from dataflows.kafka import Broker, Pace, assign, consume, part_names


class Tail(NamedTuple):
    """Messages of one of `partitions` partitions of a table, by offset.

    `end` is the offset of the partition's end, where they are level with it.
    """

    partition: int
    partitions: int
    messages: list[Message]
    end: int | None


class HighScores(FixedPartitionedSource[Tail, None]):
    """The table `high-scores`, always from its beginning, then on as it changes."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def list_parts(self) -> list[str]:
        """Name the partitions of the topic."""
        return part_names(self._broker.topic("high_scores").partitions)

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "TablePartition":
        """Read one partition; resume states are ignored, the table is the state."""
        return TablePartition(self._broker, int(for_part))


class TablePartition(StatefulSourcePartition[Tail, None]):
    """One partition of a table; tells when its end is reached, also of an empty one."""

    def __init__(self, broker: Broker, partition: int) -> None:
        self._stopping = broker.stopping
        self._topic = broker.topic("high_scores")
        self._partition = partition
        properties = {
            **clients.consumer(broker.settings),
            "enable.partition.eof": "true",
        }
        self._consumer = Consumer(properties)
        start = TopicPartition(self._topic.name, partition, OFFSET_BEGINNING)
        assign(self._consumer, start)
        self._level: Level | None = Level(self._consumer, start)
        self._pace = Pace()
        self._watch = None if partition else broker.watch()

    def next_batch(self) -> list[Tail]:
        """Take what is there.

        Raises:
            BrokenWorld: The topic cannot be read on.
            StopIteration: The flow is to end.
        """
        self._stopping.start()
        if self._stopping():
            raise StopIteration
        if self._watch:
            self._watch.look()
        messages, end = consume(self._consumer)
        self._pace.saw(messages)
        if self._level is not None:
            end = self._level.reached(messages, end)
            self._level = self._level if end is None else None  # it stays so
        if not messages and end is None:
            return []
        return [Tail(self._partition, self._topic.partitions, messages, end)]

    def next_awake(self) -> datetime | None:
        """Tell when to look again."""
        return self._pace.next_awake()

    def snapshot(self) -> None:
        """Keep nothing: the next run reads the table again."""

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

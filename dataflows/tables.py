"""The source `high-scores`: a table, from its beginning to its end, then on as it changes."""

from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf import clients
from conf.settings import Format
from dataflows.broken import give_up
from dataflows.ends import Level
from dataflows.intake import Intake
from dataflows.kafka import Broker
from dataflows.messages import BadMessage, decode_each


def decode_bests(messages: list[Message], form: Format) -> list[int | None]:
    """Read the bests of a table one by one, None for a tombstone.

    Raises:
        BrokenWorld: One cannot be read: without it nobody knows the user's best.
    """
    scores = decode_each([message.value() for message in messages], form)
    return list(map(_checked, messages, scores))


def _checked(message: Message, score: int | BadMessage | None) -> int | None:
    if isinstance(score, BadMessage):
        give_up(
            f"{message.topic()}[{message.partition()}]@{message.offset()}: the best of "
            f"{message.key()!r} is {score}: has another program written it, or was the format "
            "changed? docs/operations.md tells how to go on, 'A best cannot be read'"
        )
    return score


class Tail(NamedTuple):
    """Messages of one of `partitions` partitions of a table, by offset.

    `end` is the offset of the partition's end, where they are level with it.
    """

    partition: int
    partitions: int
    messages: list[Message]
    end: int | None


class HighScores(FixedPartitionedSource[Tail, None]):
    """The table `high-scores`, always from its beginning, then on as it changes.

    It asks for ends over a connection of its own: beside fetches each question would wait for one
    to return, half a second where nothing new comes, for each partition.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def list_parts(self) -> list[str]:
        """Name the partitions of the topic."""
        return self._broker.parts("high_scores")

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "TablePartition":
        """Read one partition; resume states are ignored, the table is the state."""
        return TablePartition(self._broker, self._intake, self._asker, int(for_part))

    @cached_property
    def _intake(self) -> Intake:
        name = self._broker.topic("high_scores").name
        return Intake(self._broker.settings, name, **{"enable.partition.eof": "true"})

    @cached_property
    def _asker(self) -> Consumer:
        return Consumer(clients.consumer(self._broker.settings))


class TablePartition(StatefulSourcePartition[Tail, None]):
    """One partition of a table; tells when its end is reached, also of an empty one."""

    def __init__(self, broker: Broker, intake: Intake, asker: Consumer, partition: int) -> None:
        self._stopping = broker.stopping
        self._topic = broker.topic("high_scores")
        self._partition = partition
        self._intake = intake
        start = TopicPartition(self._topic.name, partition, OFFSET_BEGINNING)
        intake.join(partition, start.offset)
        self._level: Level | None = Level(asker, start)
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
        messages, end = self._intake.take(self._partition)
        if self._level is not None:
            end = self._level.reached(messages, end)
            self._level = self._level if end is None else None  # it stays so
        if not messages and end is None:
            return []
        return [Tail(self._partition, self._topic.partitions, messages, end)]

    def next_awake(self) -> datetime | None:
        """Tell when to look again."""
        return self._intake.pace.next_awake()

    def snapshot(self) -> None:
        """Keep nothing: the next run reads the table again."""

    def close(self) -> None:
        """Read no more."""
        self._intake.leave(self._partition)

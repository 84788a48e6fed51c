"""The source `scores`, from the committed position on, a partition each.

Bytewax calls `snapshot()` at the end of an epoch and `next_batch()`
after it only when every sink on every worker has finished that epoch (bytewax, `src/inputs.rs`):
that is when the position of the snapshot may be committed.
"""

import logging
import time
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from dataflows.intake import Intake
from dataflows.kafka import Broker

log = logging.getLogger(__name__)

COMMIT_SECONDS = 1800  # Kafka forgets a group without commits after days
DRAIN_SECONDS = 2  # for one more epoch of the documented second


class Batch(NamedTuple):
    """Messages of one partition, 10,000 at most, by offset.

    `epoch` grows with each epoch of the flow: when it has, all before it is in the sinks.
    """

    partition: int
    epoch: int
    messages: list[Message]


class Scores(FixedPartitionedSource[Batch, None]):
    """The topic `scores`, at least once, from the group's committed positions on."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def list_parts(self) -> list[str]:
        """Name the partitions of the topic."""
        return self._broker.parts("scores")

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "ScoresPartition":
        """Read one partition; resume states are ignored, Kafka has the position."""
        return ScoresPartition(self._broker, self._intake, int(for_part))

    @cached_property
    def _intake(self) -> Intake:
        return Intake(self._broker.settings, self._broker.topic("scores").name)


class ScoresPartition(StatefulSourcePartition[Batch, None]):
    """One partition of `scores`; commits what an epoch has brought once every sink has it."""

    def __init__(self, broker: Broker, intake: Intake, partition: int) -> None:
        self._stopping = broker.stopping
        self._topic = broker.topic("scores")
        self._table = broker.topic("high_scores")
        self._partition = partition
        self._intake = intake
        self._position = self._committed = self._snapshot = self._committed_position()
        intake.join(partition, self._position, self._note_commit)
        broker.positions.append(self._position)
        self._epoch = 0
        self._is_due = False
        self._commit_at = time.monotonic()
        self._watch = None if partition else broker.watch()
        self._drain_until: float | None = None

    def next_batch(self) -> list[Batch]:
        """Commit what the last epoch brought, and take what is there.

        Raises:
            BrokenWorld: The topic cannot be read on.
            StopIteration: The flow is to end, and the last epoch is committed.
        """
        self._stopping.start()
        if self._stopping():
            return self._drain()
        self._commit()
        if self._watch:
            self._watch.look()
        messages, _ = self._intake.take(self._partition)
        if not messages:
            return []
        self._position = (messages[-1].offset() or 0) + 1
        return [Batch(self._partition, self._epoch, messages)]

    def next_awake(self) -> datetime | None:
        """Tell when to look again."""
        return self._intake.pace.next_awake()

    def snapshot(self) -> None:
        """Note the position that may be committed when this epoch is in the sinks."""
        self._epoch += 1
        self._snapshot = self._position
        idle = self._position == self._committed and time.monotonic() < self._commit_at
        self._is_due = self._position >= 0 and not idle

    def close(self) -> None:
        """Read no more; commits nothing, the last epoch may not be in the sinks."""
        self._intake.leave(self._partition)

    def _at(self, offset: int) -> TopicPartition:
        ids = f"{self._topic.id}:{self._table.id}"
        return TopicPartition(self._topic.name, self._partition, offset, metadata=ids)

    def _committed_position(self) -> int:
        """Give the committed position, or the beginning where there is none for these topics."""
        found = self._intake.committed(self._at(0))
        if found.offset < 0:
            log.info("%s has no committed position: reading it from its beginning", self._name)
            return OFFSET_BEGINNING
        ids = (found.metadata or "").split(":")  # without any it is trusted: another tool set it
        for topic, topic_id in zip((self._topic, self._table), ids, strict=False):
            if topic_id not in {"", topic.id}:
                log.warning("%s was made anew: reading %s from its start", topic.name, self._name)
                return OFFSET_BEGINNING
        return int(found.offset)

    @property
    def _name(self) -> str:
        return f"{self._topic.name}[{self._partition}]"

    def _commit(self, *, wait: bool = False) -> None:
        if not self._is_due:
            return
        self._is_due = False
        self._committed = self._snapshot
        self._commit_at = time.monotonic() + COMMIT_SECONDS
        self._intake.commit(self._at(self._snapshot), wait=wait)

    def _note_commit(self, error: KafkaError) -> None:
        log.warning("%s: position not committed, again soon: %s", self._name, error.str())
        self._committed = OFFSET_BEGINNING

    def _drain(self) -> list[Batch]:
        """Wait for the end of the epoch, commit it and end; give up after 2 s, nothing is lost."""
        now = time.monotonic()
        if self._drain_until is None:
            self._drain_until = now + DRAIN_SECONDS
        if self._snapshot != self._position and now < self._drain_until:
            self._intake.pace.saw([])
            return []
        try:
            self._commit(wait=True)
        except KafkaException as error:
            log.warning("%s: last position not committed: %s", self._name, error.args[0].str())
        raise StopIteration

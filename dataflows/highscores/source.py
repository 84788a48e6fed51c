"""The source `scores`: every partition from its committed position on. The commit protocol.

**When a position may be committed.** Bytewax calls `snapshot()` of a source partition at the end of
an epoch, and the next `next_batch()` only after every sink on every worker has finished that epoch
(bytewax, `src/inputs.rs`). The sinks flush in their own `snapshot()` and raise where the broker has
not taken everything. So the position of a snapshot is committed in the first `next_batch()` after
it, never earlier: all scores before it are counted, and what they improved is on `high-scores`.

**What a failed commit does.** Nothing is lost: the position stays behind, and a restart reads more
again than it had to. The failure is logged, and the next epoch commits again.

**A clean stop** ends no epoch early. The partition stops reading, waits up to two seconds for the
snapshot of what it has read, commits it, and ends; in vain it ends without. `close()` commits
nothing: Bytewax calls it before the last epoch is flushed, and also after a failure.

**What a commit says.** Its metadata names the ids of `scores` and `high-scores`. A position of a
topic that was recreated is not one of the new topic, and a recreated `high-scores` must be filled
from all scores again.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from dataflows.context import AT_ONCE, FlowContext
from dataflows.kafka.consumer import SharedConsumer

log = logging.getLogger(__name__)

COMMIT_SECONDS = 1800  # Kafka forgets the positions of a group after days without a commit
DRAIN_POLL_SECONDS = 0.002
DRAIN_SECONDS = 2  # for one more epoch of the documented second


class ScoresBatch(NamedTuple):
    """At most 10,000 messages of one partition of `scores`, by offset.

    Once a batch with a higher `epoch` arrives, every sink has finished the earlier ones.
    """

    partition: int
    epoch: int
    messages: list[Message]


class ScoresSource(FixedPartitionedSource[ScoresBatch, None]):
    """The topic `scores`, at least once, from the committed positions of the group on."""

    def __init__(self, context: FlowContext) -> None:
        self._context = context

    def list_parts(self) -> list[str]:
        """Name the partitions of the topic."""
        return self._context.partitions("scores")

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "ScoresPartition":
        """Read one partition; Bytewax's resume state is ignored, Kafka has the position."""
        partition = int(for_part)
        return ScoresPartition(self._context, self._consumer, partition, self._positions[partition])

    @cached_property
    def _consumer(self) -> SharedConsumer:
        return SharedConsumer(
            self._context.settings, self._context.topic("scores"), self._context.deadline
        )

    @cached_property
    def _positions(self) -> list[int]:
        """The position of each partition to begin with; the log says why one is the beginning."""
        topic = self._context.topic("scores")
        asked = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
        found = self._consumer.committed(asked)
        distrusts = list(map(self._distrust, found))
        for reason, count in Counter(filter(None, distrusts)).items():
            log.info(
                "%s: reading %d of %d partitions of %s from the beginning; "
                "what was counted before is not written twice",
                reason,
                count,
                topic.partitions,
                topic.name,
            )
        return [
            OFFSET_BEGINNING if distrust else position.offset
            for position, distrust in zip(found, distrusts, strict=True)
        ]

    def _distrust(self, committed: TopicPartition) -> str:
        """Return why a committed position is not the one to begin with, "" where it is."""
        if committed.offset < 0:
            return f"group {self._context.settings.group} has no committed position"
        ids = (committed.metadata or "").split(":")  # without ids it is trusted
        topics = (self._context.topic(kind) for kind in ("scores", "high_scores"))
        recreated = (
            topic.name
            for topic, topic_id in zip(topics, ids, strict=False)
            if topic_id not in {"", topic.id}
        )
        return "".join(f"{name} was recreated" for name in islice(recreated, 1))


class ScoresPartition(StatefulSourcePartition[ScoresBatch, None]):
    """One partition of `scores`. Its first batch is empty: it opens the shards of its number."""

    def __init__(
        self, context: FlowContext, consumer: SharedConsumer, partition: int, position: int
    ) -> None:
        self._stopping = context.stopping
        self._topic = context.topic("scores")
        self._table = context.topic("high_scores")
        self._partition = partition
        self._consumer = consumer
        self._position = self._committed = self._snapshot = position
        consumer.add(partition, self._position, self._note_failed_commit)
        self._epoch = 0
        self._is_first = True
        self._is_due = False
        self._commit_at = time.monotonic()
        self._watch = None if partition else context.watch()
        self._drain_until: float | None = None

    def next_batch(self) -> list[ScoresBatch]:
        """Commit the last epoch, and return what is new.

        Raises:
            FlowFailed: The topic cannot be read on.
            StopIteration: The flow stops, and the last epoch is committed.
        """
        self._stopping.note_running()
        if self._stopping():
            return self._drain()
        self._commit(self._consumer.commit)
        if self._watch:
            self._watch.check()
        if self._is_first:
            self._is_first = False
            return [ScoresBatch(self._partition, self._epoch, [])]
        messages, _ = self._consumer.poll(self._partition)
        if not messages:
            return []
        self._position = (messages[-1].offset() or 0) + 1
        return [ScoresBatch(self._partition, self._epoch, messages)]

    def next_awake(self) -> datetime:
        """Return a time in the past: `SharedConsumer` does the waiting."""
        return AT_ONCE

    def snapshot(self) -> None:
        """Note the position that may be committed once this epoch is in the sinks."""
        self._epoch += 1
        self._snapshot = self._position
        idle = self._position == self._committed and time.monotonic() < self._commit_at
        self._is_due = self._position >= 0 and not idle

    def close(self) -> None:
        """Stop reading; commits nothing."""
        self._consumer.remove(self._partition)

    def _at(self, offset: int) -> TopicPartition:
        ids = f"{self._topic.id}:{self._table.id}"
        return TopicPartition(self._topic.name, self._partition, offset, metadata=ids)

    @property
    def _name(self) -> str:
        return f"{self._topic.name}[{self._partition}]"

    def _commit(self, commit: Callable[[TopicPartition], None]) -> None:
        if not self._is_due:
            return
        self._is_due = False
        self._committed = self._snapshot
        self._commit_at = time.monotonic() + COMMIT_SECONDS
        commit(self._at(self._snapshot))

    def _note_failed_commit(self, error: KafkaError) -> None:
        log.warning("%s: position not committed, again soon: %s", self._name, error.str())
        self._committed = OFFSET_BEGINNING

    def _drain(self) -> list[ScoresBatch]:
        now = time.monotonic()
        if self._drain_until is None:
            self._drain_until = now + DRAIN_SECONDS
        if self._snapshot != self._position and now < self._drain_until:
            time.sleep(DRAIN_POLL_SECONDS)
            return []
        try:
            self._commit(self._consumer.commit_now)
        except KafkaException as error:
            log.warning("%s: last position not committed: %s", self._name, error.args[0].str())
        raise StopIteration

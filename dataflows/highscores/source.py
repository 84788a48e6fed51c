"""The source `scores`: every partition from its committed position on. The commit protocol.

**When a position may be committed.** Bytewax calls `snapshot()` of a source partition at the end of
an epoch, and the next `next_batch()` only after every sink on every worker has finished that epoch
(bytewax, `src/inputs.rs`). The sinks flush in their own `snapshot()` and raise if the broker has
not taken everything. So the position of a snapshot is committed in the first `next_batch()` after
it, never earlier: all scores before it are counted, and what they improved is on `high-scores`.

**What a failed commit does.** Nothing is lost: the position stays behind, and a restart reads more
again than it had to. The failure is logged, and the next epoch commits again.

**A clean stop** ends no epoch early. The partition stops reading, waits up to two seconds for the
snapshot of what it has read, commits it, and ends. If none comes in time, it ends without it.
`close()` commits nothing: Bytewax calls it before the last epoch is flushed, and also after a
failure.

**What a commit contains.** Its mark, in the metadata, names the ids of `scores` and of the tables,
and the flow. A position is trusted only with a mark of these topics: not that of a topic that was
recreated, not one from before a board was switched on, and not one that another program with our
group id has moved. Everything is read again otherwise, which writes nothing twice. Its leader epoch
lets librdkafka see that the log has become shorter meanwhile, also where new scores have passed the
position (KIP-320).

**Two flows at once** are prevented by transactions with `exactly_once`. Each flow commits its mark
when it starts. With `at_least_once` it looks every two seconds for the mark of a younger one: then
it ends with status 77. With `exactly_once` it looks where Kafka has ended a transaction that was
open for too long.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from dataflows import metrics
from dataflows.context import AT_ONCE, FlowContext
from dataflows.highscores.group import GroupWatch
from dataflows.highscores.starts import Start, Starts
from dataflows.kafka.consumer import SharedConsumer
from dataflows.progress import ReadUpTo
from dataflows.scores import Decode, RegistryAway, registry_decoder
from dataflows.wire import BadMessage, encode_mark

log = logging.getLogger(__name__)

COMMIT_SECONDS = 1800  # Kafka forgets the positions of a group after days without a commit
HELD_SECONDS = 0.02  # no step runs meanwhile
DRAIN_POLL_SECONDS = 0.002
DRAIN_SECONDS = 2  # for one more epoch of the documented second


class ScoresBatch(NamedTuple):
    """At most 10,000 messages of one partition of `scores`, by offset.

    Once a batch with a higher `epoch` arrives, every sink has finished the earlier ones. `scores`
    are decoded here where a Schema Registry is needed: only a source can wait without holding up
    the flow.
    """

    partition: int
    epoch: int
    messages: list[Message]
    scores: list[int | BadMessage | None] | None = None  # else the filter decodes them


class ScoresSource(FixedPartitionedSource[ScoresBatch, None]):
    """The topic `scores`, at least once, from the committed positions of the group on."""

    def __init__(self, context: FlowContext, starts: Starts) -> None:
        self._context = context
        self._starts = starts

    def list_parts(self) -> list[str]:
        """Name the partitions of the topic."""
        return self._context.partitions("scores")

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "ScoresPartition":
        """Read one partition; Bytewax's resume state is ignored, Kafka has the position."""
        start = self._starts.of(int(for_part))
        self._group.add(int(for_part), start.mark)
        return ScoresPartition(
            self._context, self._starts.consumer, self._group, start, self._decode
        )

    @cached_property
    def _group(self) -> GroupWatch:
        group = GroupWatch(self._context.settings, self._context.topic("scores").name)
        self._context.look_for_younger = group.has_younger
        return group

    @cached_property
    def _decode(self) -> Decode | None:
        settings = self._context.settings
        return None if settings.topics.scores.plain_format else registry_decoder(settings)


class ScoresPartition(StatefulSourcePartition[ScoresBatch, None]):
    """One partition of `scores`. Its first batch is empty: it opens the shards of its number.

    With `decode` it decodes what it reads. While the Schema Registry is away it holds a batch back,
    and the flow goes on.
    """

    def __init__(
        self,
        context: FlowContext,
        consumer: SharedConsumer,
        group: GroupWatch,
        start: Start,
        decode: Decode | None = None,
    ) -> None:
        self._context = context
        self._consumer = consumer
        self._group = group
        self._decode = decode
        self._held: tuple[list[Message], int | None] | None = None
        self._topic = start.position.topic
        self._partition = start.position.partition
        self._place = self._topic, self._partition
        self._mark = start.mark
        self._stream = start.stream if len(start.mark.table_ids) > 1 else None
        self._position = self._snapshot = start.position
        self._committed = start.position.offset
        at = start.position
        read_from = TopicPartition(at.topic, at.partition, start.offset, leader_epoch=_epoch(at))
        consumer.add(read_from, self._note_failed_commit)
        consumer.commit(self._marked(at))
        self._epoch = 0
        self._is_first = True
        self._is_due = False
        self._commit_at = time.monotonic() + COMMIT_SECONDS
        self._watch = None if self._partition else context.watch()
        self._catching_up = ReadUpTo(context.catching_up, str(self._partition), at.offset)
        self._drain_until: float | None = None

    def next_batch(self) -> list[ScoresBatch]:
        """Commit the last epoch, and return what is new.

        Raises:
            FlowFailed: The topic cannot be read on.
            StopIteration: The flow stops, and the last epoch is committed.
        """
        self._context.watchdog.note_progress()
        self._context.stopping.note_running()
        if self._watch:
            self._watch.check()  # it may stop the flow, which must not poll another topic then
        if self._context.stopping():
            return self._drain()
        self._commit(self._consumer.commit)
        self._context.transactions.commit_if_due(is_behind=self._consumer.is_behind)
        if self._is_first:
            self._is_first = False
            return [ScoresBatch(self._partition, self._epoch, [])]
        messages, end = self._held or self._consumer.poll(self._place)
        try:
            scores = self._decode(messages) if self._decode else None
        except RegistryAway as error:
            return self._hold(messages, end, error)
        self._release()
        self._move(messages, end)
        if not messages:
            return []
        metrics.scores_read.inc(len(messages))
        return [ScoresBatch(self._partition, self._epoch, messages, scores)]

    def next_awake(self) -> datetime:
        """Return a time in the past: `SharedConsumer` does the waiting."""
        return AT_ONCE

    def snapshot(self) -> None:
        """Note the position that may be committed once this epoch is in the sinks."""
        self._epoch += 1
        self._snapshot = self._position
        offset = self._snapshot.offset
        is_idle = offset == self._committed and time.monotonic() < self._commit_at
        self._is_due = offset >= 0 and not is_idle
        self._report(offset)

    def close(self) -> None:
        """Stop reading; commits nothing."""
        self._consumer.remove(self._place)

    def _hold(
        self, messages: list[Message], end: int | None, reason: RegistryAway
    ) -> list[ScoresBatch]:
        """Keep a batch for the next call, which comes after the other partitions'."""
        self._held = messages, end
        self._context.waiting[self._partition] = str(reason)
        time.sleep(HELD_SECONDS)
        return []

    def _release(self) -> None:
        if self._held:
            self._held = None
            self._context.waiting.pop(self._partition, None)

    def _move(self, messages: list[Message], end: int | None) -> None:
        """Note what is read; an end may be behind the mark of a transaction."""
        if messages:
            self._position = self._after(messages[-1])
        if end is not None and end > self._position.offset:
            epoch = _epoch(self._position)
            self._position = TopicPartition(*self._place, end, leader_epoch=epoch)

    def _after(self, message: Message) -> TopicPartition:
        offset, epoch = (message.offset() or 0) + 1, message.leader_epoch()
        return TopicPartition(
            self._topic, self._partition, offset, leader_epoch=-1 if epoch is None else epoch
        )

    def _commit(self, commit: Callable[[TopicPartition], None]) -> None:
        if not self._is_due:
            return
        self._is_due = False
        self._committed = self._snapshot.offset
        self._commit_at = time.monotonic() + COMMIT_SECONDS
        commit(self._marked(self._snapshot))

    def _marked(self, position: TopicPartition) -> TopicPartition:
        mark, stream = self._mark, self._stream
        if stream is not None:  # the filter is where the position is: it has all that was polled
            mark = mark._replace(stream=stream.encode())
        metadata = encode_mark(mark)
        return TopicPartition(
            *self._place, position.offset, metadata, leader_epoch=_epoch(position)
        )

    def _note_failed_commit(self, error: KafkaError) -> None:
        self._committed = OFFSET_BEGINNING
        self._group.note_failed_commit(error)

    def _report(self, offset: int) -> None:
        end = self._consumer.last_end(self._place)
        metrics.note_read(*self._place, offset, end)
        self._catching_up.note(offset, end)
        self._context.watchdog.note_epoch(str(self._partition))

    def _drain(self) -> list[ScoresBatch]:
        now = time.monotonic()
        if self._drain_until is None:
            self._drain_until = now + DRAIN_SECONDS
        if self._snapshot is not self._position and now < self._drain_until:
            time.sleep(DRAIN_POLL_SECONDS)
            return []
        try:
            self._commit(self._consumer.commit_now)
        except KafkaException as error:
            name = f"{self._topic}[{self._partition}]"
            log.warning("%s: last position not committed: %s", name, error.args[0].str())
        raise StopIteration


def _epoch(position: TopicPartition) -> int:
    return -1 if position.leader_epoch is None else position.leader_epoch

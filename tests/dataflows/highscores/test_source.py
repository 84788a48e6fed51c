"""When the position of a partition is committed: after its epoch, seldom at rest."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, Message, TopicPartition

from dataflows.highscores import source
from dataflows.process import Stopping


class FakeConsumer:
    """A consumer without Kafka: messages that a test gives it, and the positions it committed."""

    def __init__(self, metadata=""):
        self.ready: list[Message] = []
        self.commits: list[int] = []
        self.note: Any = None
        self.start: int | None = None
        self._metadata = metadata

    def committed(self, asked):
        return [
            TopicPartition(each.topic, each.partition, 5, metadata=self._metadata) for each in asked
        ]

    def add(self, _partition, position, note):
        self.start, self.note = position, note

    def poll(self, _partition):
        taken, self.ready = self.ready, []
        return taken, None

    def commit(self, position):
        self.commits.append(position.offset)


def partition(consumer):
    """Give partition 1 of `scores` with the id "s", for a table of the id "t"."""
    topics = {
        "scores": SimpleNamespace(name="scores", id="s", partitions=2),
        "high_scores": SimpleNamespace(name="high-scores", id="t"),
    }
    context: Any = SimpleNamespace(
        stopping=Stopping(), topic=topics.get, settings=SimpleNamespace(group="highscores")
    )
    made = source.ScoresSource(context)
    made.__dict__["_consumer"] = consumer
    return opened(made.build_part("scores", "000001", None))


@pytest.fixture
def clock(monkeypatch):
    """Give a clock that stands still until it is set."""
    clock = SimpleNamespace(now=1_000.0)
    fake = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr("dataflows.highscores.source.time", fake)
    return clock


def opened(read):
    """Take the first batch, which is empty and opens shards."""
    assert [batch.messages for batch in read.next_batch()] == [[]]
    return read


def epoch(read, *offsets):
    """Read messages of these offsets in an epoch, end it, and begin the next."""
    read._consumer.ready = [Message("scores", 1, each) for each in offsets]  # noqa: SLF001
    read.next_batch()
    read.snapshot()
    read.next_batch()


def test_a_position_is_committed_once_its_epoch_has_ended_and_the_next_begins():
    consumer: Any = FakeConsumer()
    read = partition(consumer)
    seen = []
    for offsets in ([5, 6], [7]):
        consumer.ready = [Message("scores", 1, each) for each in offsets]
        read.next_batch()
        seen.append(list(consumer.commits))
    read.snapshot()
    seen.append(list(consumer.commits))
    read.next_batch()

    assert seen == [[], [], []]
    assert consumer.commits == [8]


def test_at_rest_a_position_is_committed_once_in_half_an_hour(clock):
    consumer: Any = FakeConsumer()
    read = partition(consumer)
    epoch(read, 5)
    for _ in range(3):
        epoch(read)
    at_rest = list(consumer.commits)
    clock.now += source.COMMIT_SECONDS + 1
    for _ in range(3):
        epoch(read)

    assert at_rest == [6]
    assert consumer.commits == [6, 6]


def test_a_commit_that_failed_is_made_again_after_the_next_epoch():
    consumer: Any = FakeConsumer()
    read = partition(consumer)
    epoch(read, 5)
    consumer.note(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name
    epoch(read)
    epoch(read)

    assert consumer.commits == [6, 6]


@pytest.mark.parametrize(
    ("metadata", "start"),
    [("", 5), ("s:t", 5), (":", 5), ("old:t", OFFSET_BEGINNING), ("s:old", OFFSET_BEGINNING)],
    ids=["of another tool", "of these topics", "without ids", "other scores", "another table"],
)
def test_a_position_counts_for_the_topics_that_it_was_committed_for(metadata, start):
    consumer: Any = FakeConsumer(metadata)
    partition(consumer)

    assert consumer.start == start

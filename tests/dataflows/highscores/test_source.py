"""When the position of a partition is committed: after its epoch, seldom at rest."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, Message, TopicPartition

from dataflows import scores
from dataflows.kafka import Pace
from dataflows.stopping import Stopping


class Consumed:
    """An intake without Kafka: what it is given to hand out, and the positions it was to commit."""

    def __init__(self, metadata=""):
        self.pace = Pace()
        self.ready: list[Message] = []
        self.commits: list[int] = []
        self.note: Any = None
        self.start: int | None = None
        self._metadata = metadata

    def committed(self, asked):
        return TopicPartition(asked.topic, asked.partition, 5, metadata=self._metadata)

    def join(self, _partition, position, note):
        self.start, self.note = position, note

    def take(self, _partition):
        taken, self.ready = self.ready, []
        return taken, None

    def commit(self, position, *, wait):
        assert not wait
        self.commits.append(position.offset)


def partition(intake):
    """Give partition 1 of `scores` with the id "s", for a table of the id "t"."""
    topics = {
        "scores": SimpleNamespace(name="scores", id="s"),
        "high_scores": SimpleNamespace(name="high-scores", id="t"),
    }
    broker: Any = SimpleNamespace(stopping=Stopping(), topic=topics.get, positions=[])
    return scores.ScoresPartition(broker, intake, 1)


@pytest.fixture
def clock(monkeypatch):
    """Give a clock that stands still until it is set."""
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr("dataflows.scores.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def epoch(read, *offsets):
    """Read messages of these offsets in an epoch, end it, and begin the next."""
    read._intake.ready = [Message("scores", 1, each) for each in offsets]  # noqa: SLF001
    read.next_batch()
    read.snapshot()
    read.next_batch()


def test_a_position_is_committed_once_its_epoch_has_ended_and_the_next_begins():
    intake: Any = Consumed()
    read = partition(intake)
    seen = []
    for offsets in ([5, 6], [7]):
        intake.ready = [Message("scores", 1, each) for each in offsets]
        read.next_batch()
        seen.append(list(intake.commits))
    read.snapshot()
    seen.append(list(intake.commits))
    read.next_batch()

    assert seen == [[], [], []]
    assert intake.commits == [8]


def test_at_rest_a_position_is_committed_once_in_half_an_hour(clock):
    intake: Any = Consumed()
    read = partition(intake)
    epoch(read, 5)
    for _ in range(3):
        epoch(read)
    at_rest = list(intake.commits)
    clock.now += scores.COMMIT_SECONDS + 1
    for _ in range(3):
        epoch(read)

    assert at_rest == [6]
    assert intake.commits == [6, 6]


def test_a_commit_that_failed_is_made_again_after_the_next_epoch():
    intake: Any = Consumed()
    read = partition(intake)
    epoch(read, 5)
    intake.note(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name
    epoch(read)
    epoch(read)

    assert intake.commits == [6, 6]


@pytest.mark.parametrize(
    ("metadata", "start"),
    [("", 5), ("s:t", 5), (":", 5), ("old:t", OFFSET_BEGINNING), ("s:old", OFFSET_BEGINNING)],
    ids=["of another tool", "of these topics", "without ids", "other scores", "another table"],
)
def test_a_position_counts_for_the_topics_that_it_was_committed_for(metadata, start):
    intake: Any = Consumed(metadata)
    partition(intake)

    assert intake.start == start

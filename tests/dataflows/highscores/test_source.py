"""When the position of a partition is committed: after its epoch, seldom at rest."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, Message, TopicPartition

from dataflows.highscores import source
from dataflows.highscores.group import GroupWatch
from dataflows.highscores.starts import Starts
from dataflows.periods import Calendar
from dataflows.process import Stopping
from dataflows.progress import Progress
from dataflows.scores import RegistryAway
from dataflows.wire import CommitMark, decode_mark

CALENDAR = Calendar(["day"], "UTC", 24)


class FakeConsumer:
    """A consumer without Kafka: messages that a test gives it, and the positions it committed."""

    is_behind = False

    def __init__(self, metadata=""):
        self.ready: list[Message] = []
        self.end: int | None = None
        self.commits: list[int] = []
        self.marks: set[str | None] = set()
        self.note: Any = None
        self.start: int | None = None
        self._metadata = metadata

    def committed(self, asked):
        return [
            TopicPartition(each.topic, each.partition, 5, metadata=self._metadata) for each in asked
        ]

    def offsets_at(self, partitions, _time):
        return [2 for _ in partitions]

    def add(self, position, note):
        self.start, self.note = position.offset, note

    def poll(self, _partition):
        taken, self.ready = self.ready, []
        return taken, self.end

    def last_end(self, _place):
        return None

    def commit(self, position):
        self.commits.append(position.offset)
        self.marks.add(position.metadata)


def partition(consumer, decode=None):
    """Return partition 1 of `scores` with the id "s", for a table of the id "t"."""
    topics = {
        "scores": SimpleNamespace(name="scores", id="s", partitions=2),
        "high_scores": SimpleNamespace(name="high-scores", id="t"),
    }
    context: Any = SimpleNamespace(
        stopping=Stopping(),
        topic=topics.get,
        settings=SimpleNamespace(
            group="highscores",
            guarantee="exactly_once",
            tables=("high_scores",),
            topics=SimpleNamespace(scores=SimpleNamespace(plain_format="json")),
        ),
        watchdog=SimpleNamespace(note_progress=lambda: None, note_epoch=lambda _: None),
        catching_up=Progress("catching up"),
        transactions=SimpleNamespace(commit_if_due=lambda **_: None),
        waiting={},
    )
    starts = Starts(context, Calendar((), "UTC", 24))
    starts.__dict__["consumer"] = consumer
    scores = source.ScoresSource(context, starts)
    scores.__dict__["_decode"] = decode
    return opened(scores.build_part("scores", "000001", None))


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that stands still until it is set."""
    clock = SimpleNamespace(now=1_000.0)
    fake = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr("dataflows.highscores.source.time", fake)
    return clock


def opened(read):
    """Take the first batch, which is empty and opens shards; forget the commit of the start."""
    assert [batch.messages for batch in read.next_batch()] == [[]]
    read._consumer.announced = read._consumer.commits.copy()  # noqa: SLF001
    read._consumer.commits.clear()  # noqa: SLF001
    return read


def epoch(read, *offsets):
    """Read messages of these offsets in an epoch, end it, and begin the next."""
    read._consumer.ready = [Message("scores", 1, each) for each in offsets]  # noqa: SLF001
    read.next_batch()
    read.snapshot()
    read.next_batch()


def test_a_position_is_committed_once_its_epoch_has_ended_and_the_next_begins():
    consumer: Any = FakeConsumer("s:t:3:abcd")
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


def test_the_position_passes_the_mark_of_a_transaction_at_the_end_of_the_log():
    """A producer with transactions leaves a mark that is no message."""
    consumer: Any = FakeConsumer("s:t:3:abcd")
    read = partition(consumer)
    epoch(read, 5)
    consumer.end = 7
    epoch(read)

    assert consumer.commits == [6, 7]


def test_a_batch_waits_for_the_schema_registry_and_its_position_with_it():
    failures = ["away", "away"]

    def decode(messages):
        if messages and failures:
            raise RegistryAway(failures.pop())
        return [7 for _ in messages]

    consumer: Any = FakeConsumer("s:t:3:abcd")
    read = partition(consumer, decode)
    epoch(read, 5, 6)
    waiting, committed = dict(read._context.waiting), list(consumer.commits)  # noqa: SLF001
    consumer.ready = [Message("scores", 1, 7)]
    (batch,) = read.next_batch()
    read.snapshot()
    read.next_batch()

    assert (waiting, committed) == ({1: "away"}, [])
    assert [message.offset() for message in batch.messages] == [5, 6]
    assert batch.scores == [7, 7]
    assert consumer.commits == [7]
    assert not read._context.waiting  # noqa: SLF001


def test_at_rest_a_position_is_committed_once_in_half_an_hour(clock):
    consumer: Any = FakeConsumer("s:t:3:abcd")
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
    consumer: Any = FakeConsumer("s:t:3:abcd")
    read = partition(consumer)
    epoch(read, 5)
    consumer.note(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name
    epoch(read)
    epoch(read)

    assert consumer.commits == [6, 6]


@pytest.mark.parametrize(
    ("metadata", "start"),
    [
        ("s:t:3:abcd", 5),
        ("s:t", 5),
        ("", OFFSET_BEGINNING),
        ("consumer-7", OFFSET_BEGINNING),
        ("old:t:3:abcd", OFFSET_BEGINNING),
        ("s:old:3:abcd", OFFSET_BEGINNING),
    ],
    ids=[
        "of these topics",
        "of an earlier version",
        "of a program without metadata",
        "of another program",
        "of other scores",
        "of another table",
    ],
)
def test_a_position_counts_for_the_topics_that_it_was_committed_for(metadata, start):
    consumer: Any = FakeConsumer(metadata)
    partition(consumer)

    assert consumer.start == start


def test_a_commit_carries_the_mark_of_the_next_generation():
    consumer: Any = FakeConsumer("s:t:3:abcd")
    read = partition(consumer)
    epoch(read, 5)

    (mark,) = map(decode_mark, consumer.marks)
    assert mark is not None
    assert mark[:3] == ("s", ("t",), 4)
    assert mark.flow != "abcd"


@pytest.mark.parametrize(("metadata", "offset"), [("s:t:3:abcd", 5), ("foreign", 2)])
def test_the_start_is_committed_at_once_so_that_an_older_flow_sees_the_mark(metadata, offset):
    """If reading starts again, it is the first offset that is there."""
    consumer: Any = FakeConsumer(metadata)
    partition(consumer)

    assert consumer.announced == [offset]


@pytest.mark.parametrize(
    ("found", "expected"),
    [("s:t:3:a", 0), ("s:t:4:abcd", 0), ("s:t:4:b", 1), ("s:t:5:a", 1), ("foreign", 0)],
    ids=["older", "its own", "of the same moment", "younger", "of another program"],
)
def test_a_younger_flow_is_known_by_its_mark(found, expected):
    watch = GroupWatch(cast("Any", SimpleNamespace(guarantee="exactly_once")), "scores")
    watch.add(1, CommitMark("s", ("t",), 4, "abcd"))
    at = TopicPartition("scores", 1, 5, metadata=found)
    consumer: Any = SimpleNamespace(committed=lambda _, timeout: [at] if timeout else [])

    assert watch.has_younger(consumer) == bool(expected)


def test_what_is_read_meanwhile_does_not_hide_a_period_from_a_restore():
    """Shards are restored in the background, while the filter reads on."""
    day = 24 * 3600 * 1000
    now = 1_764_547_200_000 + 2 * day
    consumer: Any = FakeConsumer(f"s:t+d:3:abcd:{now}:0:0:0:0")
    topics = {
        "scores": SimpleNamespace(name="scores", id="s", partitions=1),
        "high_scores": SimpleNamespace(name="high-scores", id="t"),
        "high_scores_day": SimpleNamespace(name="high-scores-day", id="d"),
    }
    settings = SimpleNamespace(group="highscores", tables=("high_scores", "high_scores_day"))
    starts = Starts(cast("Any", SimpleNamespace(topic=topics.get, settings=settings)), CALENDAR)
    starts.__dict__["consumer"] = consumer
    starts.of(0).stream.advance([b"ann"], [now + 9 * day])

    assert starts.oldest_open("day") == now - day

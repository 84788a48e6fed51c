"""Which periods are closed: for every partition of `scores`, or nothing is final."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from dataflows.periods import YEAR_MS, Calendar, Period
from dataflows.top5 import closed
from dataflows.top5.closed import ClosedPeriods, PartitionProgress, closed_until, progress
from dataflows.wire import CommitMark, encode_mark
from tests.support.until import until_true

NOW = 60 * YEAR_MS
FAR = 1_000 * YEAR_MS


def counted(stream):
    return PartitionProgress(stream, is_all=True)


def counting(stream):
    return PartitionProgress(stream, is_all=False)


def alone(stream, *, is_all=True):
    return PartitionProgress(stream, is_all=is_all, is_alone=True)


@pytest.mark.parametrize(
    ("partitions", "until"),
    [
        ([], 0),
        ([counting(50), counting(70)], 50),
        ([counted(50), counting(70)], 70),
        ([counted(50), counted(70)], 70),
        ([counting(0), counted(70)], 0),
        ([counted(0), counted(0)], 0),
    ],
    ids=["none", "the slowest", "one at rest", "all at rest", "one not begun", "no scores"],
)
def test_a_partition_with_scores_to_count_holds_back_and_one_at_rest_does_not(partitions, until):
    assert closed_until(partitions) == until


@pytest.mark.parametrize(
    ("partitions", "until"),
    [
        ([alone(NOW)], 0),
        ([alone(FAR), alone(0, is_all=False)], 0),
        ([alone(FAR), counted(NOW)], NOW),
        ([alone(FAR, is_all=False), counted(NOW)], NOW),
        ([alone(FAR), alone(NOW)], NOW),
        ([alone(NOW), alone(NOW + 5)], NOW + 5),
        ([alone(NOW + 5), counted(NOW)], NOW + 5),
        ([alone(FAR), alone(NOW + 5), counted(NOW)], NOW + 5),
    ],
)
def test_a_user_alone_in_a_partition_closes_nothing_that_no_other_user_confirms(partitions, until):
    assert closed_until(partitions) == until


def committed(offset, *table_ids, stream=(NOW, 0, 0, 0, 0)):
    mark = CommitMark("scores-id", table_ids, 1, "flow", stream)
    return TopicPartition("scores", 0, offset, metadata=encode_mark(mark))


@pytest.mark.parametrize("end", [0, 5])
def test_a_position_counts_only_if_its_mark_has_every_table(end):
    """Else a board that was just switched on is final with the first rows of each period."""
    before, nobody = committed(5, "all", "day"), TopicPartition("scores", 0, 5)
    nothing = PartitionProgress(0, is_all=end == 0)

    assert progress(before, end, {"all", "day"}) == counted(NOW)
    assert progress(before, end, {"all", "day", "week"}) == nothing
    assert progress(committed(5, "all", stream=()), end, {"all"}) == nothing
    assert progress(nobody, end, {"all"}) == nothing


def test_a_mark_tells_of_a_partition_with_one_user_and_of_one_that_is_not_counted_to_its_end():
    assert progress(committed(5, "all", stream=(NOW, NOW, 7, 0, 0)), 5, {"all"}) == alone(NOW)
    assert progress(committed(5, "all", stream=(NOW, FAR, 7, 0, 0)), 6, {"all"}) == counting(NOW)


DENIED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
DAY = Period("day", "2025-11-24", 0, NOW, NOW)


def periods():
    topics = SimpleNamespace(scores=SimpleNamespace(name="scores"))
    settings = SimpleNamespace(topics=topics, group="highscores")
    context: Any = SimpleNamespace(settings=settings, waiting={})
    return context.waiting, ClosedPeriods(context, Calendar(["day"], "UTC", 24))


@pytest.mark.parametrize(("topic", "position"), [(DENIED, None), (None, DENIED)])
def test_an_error_inside_an_answer_is_one(topic, position):
    """Else nothing would be known, and nobody told."""
    _, looking = periods()
    metadata = SimpleNamespace(error=topic, partitions={0: None})
    vars(looking)["_consumer"] = SimpleNamespace(
        list_topics=lambda *_: SimpleNamespace(topics={"scores": metadata}),
        committed=lambda *_: [SimpleNamespace(error=position)],
    )

    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        looking._look()  # noqa: SLF001 - its thread would only report it


def test_whatever_fails_it_looks_again_and_the_log_says_so_once_a_minute(monkeypatch, caplog):
    monkeypatch.setattr(closed, "CHECK_SECONDS", 0.01)
    waiting, looking = periods()
    failures = iter([KafkaException(DENIED), ValueError("odd"), ValueError("still odd")])
    problems: list[str] = []
    is_over = threading.Event()

    def look():
        problems.extend(waiting.values())
        if not waiting and problems:
            is_over.set()
            threading.Event().wait()  # for ever: or the thread would go on without this function
        for failure in failures:
            raise failure
        return NOW, {"day": [5]}

    monkeypatch.setattr(looking, "_look", look)
    until_true(lambda: looking.is_complete(DAY, 5, 0))
    assert is_over.wait(10)

    assert [each.split(": ")[2].split(";")[0] for each in problems[:3]] == [
        "Broker",
        "ValueError('odd')",
        "ValueError('still odd')",
    ]
    assert caplog.text.count("no board becomes final") == 1
    assert "needs the right Describe on group highscores and on topic scores" in caplog.text

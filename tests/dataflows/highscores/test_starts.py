"""Where scores are counted again: what Kafka deletes meanwhile is known before."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, TopicPartition

from dataflows.highscores.starts import Starts
from dataflows.kafka.consumer import EARLIEST, LATEST
from dataflows.kafka.topics import Topic
from dataflows.periods import Calendar

DAY_MS = 24 * 3600 * 1000
KEPT = {"cleanup.policy": "compact,delete", "retention.ms": str(400 * DAY_MS)}
SHORTER = KEPT | {"retention.ms": str(40 * DAY_MS)}


class FakeConsumer:
    """A consumer of one partition with a score of each of these times, by offset from 7 on."""

    def __init__(self, *times: int, metadata: str = "") -> None:
        self._times = times
        self._metadata = metadata

    def committed(self, asked):
        offset = 7 if self._metadata else OFFSET_INVALID
        return [
            TopicPartition(at.topic, at.partition, offset, metadata=self._metadata) for at in asked
        ]

    def offsets_at(self, _partitions, since):
        found = {EARLIEST: 7, LATEST: 7 + len(self._times)}
        young = [7 + at for at, made in enumerate(self._times) if made >= since]
        return [found.get(since) or next(iter(young), -1)]


def warnings(caplog, consumer, *tables):
    """Begin with boards of a day and a week, and return what was warned of."""
    kinds = ("high_scores", "high_scores_day", "high_scores_week")[: len(tables) + 1]
    configs = dict(zip(kinds, ({}, *tables), strict=True))
    topics = {kind: Topic(kind.replace("_", "-"), kind[-3:], 1, configs[kind]) for kind in configs}
    topics["scores"] = Topic("scores", "s", 1, {})
    settings = SimpleNamespace(group="highscores", tables=kinds)
    context: Any = SimpleNamespace(topic=topics.get, settings=settings)
    starts = Starts(context, Calendar(["day", "week"][: len(tables)], "UTC", 24))
    starts.__dict__["consumer"] = consumer
    starts.of(0)
    return [line for line in caplog.messages if "wrong final boards" in line]


@pytest.mark.parametrize(
    ("days_ago", "tables", "named"),
    [
        ([500, 0], [KEPT], "high-scores-day keeps (retention.ms=34560000000)"),
        ([500], [KEPT], "high-scores-day keeps"),
        ([300, 0], [KEPT, SHORTER], "high-scores-week keeps (retention.ms=3456000000)"),
        ([300, 0], [KEPT], ""),
        ([], [KEPT], ""),
        ([500, 0], [KEPT | {"retention.ms": "-1"}], ""),
        ([500, 0], [KEPT | {"cleanup.policy": "compact"}], ""),
        ([500, 0], [], ""),
    ],
    ids=[
        "older",
        "all are older",
        "older than one keeps",
        "younger",
        "no scores",
        "kept for ever",
        "never deleted",
        "no periods",
    ],
)
def test_scores_older_than_the_bests_of_periods_are_kept_are_named_where_all_are_read_again(
    caplog, days_ago, tables, named
):
    now = int(time.time() * 1000)
    consumer = FakeConsumer(*(now - each * DAY_MS for each in days_ago))
    found = warnings(caplog, consumer, *tables)

    assert len(found) == bool(named)
    assert named in "".join(found)


def test_a_flow_that_continues_says_nothing_of_old_scores(caplog):
    old = int(time.time() * 1000) - 500 * DAY_MS
    consumer = FakeConsumer(old, metadata="s:res+day:3:abcd")

    assert warnings(caplog, consumer, KEPT) == []

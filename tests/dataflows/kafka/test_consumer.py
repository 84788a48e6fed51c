"""One consumer for many partitions: each gets its own messages and failures, in order."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from conf import clients
from dataflows.context import FlowContext, partition_names
from dataflows.kafka import consumer
from dataflows.kafka.consumer import SharedConsumer
from dataflows.kafka.topics import await_topics
from dataflows.pace import Deadlines
from dataflows.process import FlowFailed, Stopping
from tests.support.until import until_true

PARTITIONS = range(3)
COUNT = 50


@pytest.fixture
def shared(game, monkeypatch):
    monkeypatch.setattr(consumer, "BATCH", 20)
    for partition in PARTITIONS:
        game.send(
            *[(f"user{partition}", b"%d" % each) for each in range(COUNT)], partition=partition
        )
    shared = SharedConsumer(game.settings, [await_topics(game.settings)["scores"]], Deadlines())
    yield shared
    for partition in PARTITIONS:
        shared.remove((game.name("scores"), partition))


def at(shared, partition, offset=OFFSET_BEGINNING):
    return TopicPartition(name(shared), partition, offset)


def name(shared):
    return shared._topics[0].name  # noqa: SLF001 - its own topic


def poll(shared, partitions, found):
    for partition in partitions:
        messages, _ = shared.poll((name(shared), partition))
        assert len(messages) <= consumer.BATCH
        assert {message.partition() for message in messages} <= {partition}
        found[partition] += [message.offset() for message in messages]


def test_each_partition_gets_its_own_messages_in_order(shared):
    for partition in PARTITIONS:
        shared.add(at(shared, partition))
    found: dict[int, list[int]] = {partition: [] for partition in PARTITIONS}
    until_true(lambda: poll(shared, PARTITIONS, found) or sum(map(len, found.values())) >= 150, 30)

    assert found == {partition: list(range(COUNT)) for partition in PARTITIONS}


def test_a_process_is_behind_while_polls_are_full(shared):
    shared.add(at(shared, 0))
    found: dict[int, list[int]] = {0: []}
    until_true(lambda: poll(shared, [0], found) or found[0], 30)
    is_behind = shared.is_behind
    until_true(lambda: poll(shared, [0], found) or len(found[0]) == COUNT, 30)
    poll(shared, [0], found)

    assert is_behind
    assert not shared.is_behind


def test_a_partition_that_is_added_late_gets_nothing_of_the_others(shared):
    found: dict[int, list[int]] = {partition: [] for partition in PARTITIONS}
    shared.add(at(shared, 0))
    until_true(lambda: poll(shared, [0], found) or found[0], 30)
    for partition in PARTITIONS[1:]:
        shared.add(at(shared, partition))
    until_true(lambda: poll(shared, PARTITIONS, found) or sum(map(len, found.values())) >= 150, 30)

    assert found == {partition: list(range(COUNT)) for partition in PARTITIONS}


def test_nothing_is_missed_that_comes_after_the_question_where_to_begin(shared, game):
    """No message is as young as asked, and the next one comes before the first fetch."""
    ask = Consumer(clients.consumer(game.settings))
    future = round(time.time() * 1000) + 60_000
    (start,) = consumer.offsets_since(ask, [at(shared, 0)], future)
    ask.close()
    game.send(("user0", b"1"), timestamp=future, partition=0)
    shared.add(start)
    found: dict[int, list[int]] = {0: []}
    until_true(lambda: poll(shared, [0], found) or found[0], 30)

    assert found == {0: [COUNT]}


def test_a_commit_that_fails_is_reported_to_the_partitions_in_it(shared, game):
    failed: list[int] = []
    for partition in PARTITIONS:
        note = partial(note_failure, failed, partition)
        shared.add(at(shared, partition, 0), note)
    shared.commit(TopicPartition(game.name("scores"), 0, 5))
    found: dict[int, list[int]] = {partition: [] for partition in PARTITIONS}
    until_true(lambda: poll(shared, PARTITIONS, found) or committed(shared, game) == 5, 30)
    shared.commit(TopicPartition(game.name("scores"), 1, 7, metadata="x" * 10_000))
    until_true(lambda: poll(shared, PARTITIONS, found) or failed, 30)

    assert failed == [1]


def note_failure(failed, partition, _error):
    failed.append(partition)


def committed(shared, game):
    return shared.committed([TopicPartition(game.name("scores"), 0)])[0].offset


DELETED = "the position to read from, 19, was deleted by retention, the first message there is 42"
SHORTER = "its log became shorter, or another one took its place: it ends at 70"


@pytest.mark.parametrize(
    ("is_committed", "position", "said"),
    [
        (True, 19, f"{DELETED}: see docs/operations.md, 'The position is gone'"),
        (True, 100, f"{SHORTER}; `python -m dataflows.positions --forget` lets"),
        (True, OFFSET_INVALID, f"{SHORTER}; `python -m dataflows.positions --forget` lets"),
        (False, 19, f"{DELETED}: start again to read what is left"),
        (False, 100, f"{SHORTER}; start again to read what is there; see docs/operations.md"),
    ],
    ids=["deleted", "past the end", "of another epoch", "deleted, of a table", "shorter, a table"],
)
def test_a_position_that_is_lost_is_named_with_its_remedy(is_committed, position, said):
    lost = KafkaError(KafkaError._AUTO_OFFSET_RESET)  # noqa: SLF001 - its public name
    fake: Any = SimpleNamespace(
        consume=lambda *_: [Message("scores", 3, position, error=lost)],
        get_watermark_offsets=lambda *_: (42, 70),
    )

    with pytest.raises(FlowFailed, match=re.escape(f"scores[3]: {said}")):
        consumer.consume(fake, is_committed=is_committed)


@pytest.mark.parametrize(
    ("code", "least"),
    [(KafkaError.TOPIC_AUTHORIZATION_FAILED, 5), (KafkaError.NOT_LEADER_FOR_PARTITION, 200)],
    ids=["a right is missing", "no leader"],
)
def test_a_broker_that_refuses_is_asked_for_a_minute_and_no_longer(monkeypatch, code, least):
    clock: Any = SimpleNamespace(now=0.0)
    clock.monotonic, clock.sleep = lambda: clock.now, lambda seconds: wait(clock, seconds)
    monkeypatch.setattr(consumer, "time", clock)
    asked = []

    def refuse():
        asked.append(clock.now)
        raise KafkaException(KafkaError(code))

    with pytest.raises(FlowFailed, match="ends of scores"):
        consumer.retry(refuse, "ends of scores")

    assert len(asked) >= least
    assert asked[-1] == pytest.approx(60, abs=0.3)


def wait(clock, seconds):
    clock.now += seconds


def test_one_worker_of_a_process_has_all_partitions(game):
    context = FlowContext(game.settings, ("scores", "top_5"), Stopping())
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        given = [
            worker.submit(context.partitions, kind).result()
            for kind in ("scores", "top_5")
            for worker in (first, second)
        ]

    assert given == [partition_names(8), [], partition_names(1), []]

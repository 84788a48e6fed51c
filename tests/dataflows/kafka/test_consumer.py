"""One consumer for many partitions: each gets its own messages and failures, in order."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from dataflows.context import FlowContext, partition_names
from dataflows.kafka import consumer
from dataflows.kafka.consumer import Deadline, SharedConsumer
from dataflows.kafka.topics import await_topics
from dataflows.process import Stopping
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
    shared = SharedConsumer(game.settings, await_topics(game.settings)["scores"], Deadline())
    yield shared
    for partition in PARTITIONS:
        shared.remove(partition)


def poll(shared, partitions, found):
    for partition in partitions:
        messages, _ = shared.poll(partition)
        assert len(messages) <= consumer.BATCH
        assert {message.partition() for message in messages} <= {partition}
        found[partition] += [message.offset() for message in messages]


def test_each_partition_gets_its_own_messages_in_order(shared):
    for partition in PARTITIONS:
        shared.add(partition, OFFSET_BEGINNING)
    found: dict[int, list[int]] = {partition: [] for partition in PARTITIONS}
    until_true(lambda: poll(shared, PARTITIONS, found) or sum(map(len, found.values())) >= 150, 30)

    assert found == {partition: list(range(COUNT)) for partition in PARTITIONS}


def test_a_partition_that_is_added_late_gets_nothing_of_the_others(shared):
    found: dict[int, list[int]] = {partition: [] for partition in PARTITIONS}
    shared.add(0, OFFSET_BEGINNING)
    until_true(lambda: poll(shared, [0], found) or found[0], 30)
    for partition in PARTITIONS[1:]:
        shared.add(partition, OFFSET_BEGINNING)
    until_true(lambda: poll(shared, PARTITIONS, found) or sum(map(len, found.values())) >= 150, 30)

    assert found == {partition: list(range(COUNT)) for partition in PARTITIONS}


def test_a_commit_that_fails_is_reported_to_its_partition_alone(shared, game):
    failed: list[int] = []
    for partition in PARTITIONS:
        shared.add(partition, 0, lambda _, partition=partition: failed.append(partition))
    too_much = TopicPartition(game.name("scores"), 1, 7, metadata="x" * 10_000)
    shared.commit(TopicPartition(game.name("scores"), 0, 5))
    shared.commit(too_much)
    until_true(lambda: shared.poll(0) and failed, 30)

    assert failed == [1]
    assert shared.committed([TopicPartition(game.name("scores"), 0)])[0].offset == 5


def test_one_worker_of_a_process_has_all_partitions(game):
    context = FlowContext(game.settings, ("scores", "top_5"), Stopping())
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        given = [
            worker.submit(context.partitions, kind).result()
            for kind in ("scores", "top_5")
            for worker in (first, second)
        ]

    assert given == [partition_names(8), [], partition_names(1), []]

"""One consumer for many partitions: each gets its own, in order, and hears of its own failures."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from dataflows import kafka
from dataflows.intake import Intake
from dataflows.stopping import Stopping
from tests.support.until import until_true

PARTITIONS = range(3)
COUNT = 50


@pytest.fixture
def intake(game, monkeypatch):
    monkeypatch.setattr(kafka, "BATCH", 20)
    for partition in PARTITIONS:
        game.send(
            *[(f"user{partition}", b"%d" % each) for each in range(COUNT)], partition=partition
        )
    intake = Intake(game.settings, game.name("scores"))
    yield intake
    for partition in PARTITIONS:
        intake.leave(partition)


def take(intake, partitions, found):
    for partition in partitions:
        messages, _ = intake.take(partition)
        assert len(messages) <= kafka.BATCH
        assert {message.partition() for message in messages} <= {partition}
        found[partition] += [message.offset() for message in messages]


def test_each_partition_gets_its_own_messages_in_order(intake):
    for partition in PARTITIONS:
        intake.join(partition, OFFSET_BEGINNING)
    found: dict[int, list[int]] = {partition: [] for partition in PARTITIONS}
    until_true(lambda: take(intake, PARTITIONS, found) or sum(map(len, found.values())) >= 150, 30)

    assert found == {partition: list(range(COUNT)) for partition in PARTITIONS}


def test_a_partition_that_joins_late_takes_nothing_from_the_others(intake):
    found: dict[int, list[int]] = {partition: [] for partition in PARTITIONS}
    intake.join(0, OFFSET_BEGINNING)
    until_true(lambda: take(intake, [0], found) or found[0], 30)
    for partition in PARTITIONS[1:]:
        intake.join(partition, OFFSET_BEGINNING)
    until_true(lambda: take(intake, PARTITIONS, found) or sum(map(len, found.values())) >= 150, 30)

    assert found == {partition: list(range(COUNT)) for partition in PARTITIONS}


def test_a_commit_that_fails_is_told_to_its_partition_alone(intake, game):
    told: list[int] = []
    for partition in PARTITIONS:
        intake.join(partition, 0, lambda _, partition=partition: told.append(partition))
    too_much = TopicPartition(game.name("scores"), 1, 7, metadata="x" * 10_000)
    intake.commit(TopicPartition(game.name("scores"), 0, 5))
    intake.commit(too_much)
    until_true(lambda: intake.take(0) and told, 30)

    assert told == [1]
    assert intake.committed(TopicPartition(game.name("scores"), 0)).offset == 5


def test_one_worker_of_a_process_has_all_partitions(game):
    broker = kafka.Broker(game.settings, ("scores", "top_5"), Stopping())
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        given = [
            worker.submit(broker.parts, kind).result()
            for kind in ("scores", "top_5")
            for worker in (first, second)
        ]

    assert given == [kafka.part_names(8), [], kafka.part_names(1), []]

"""Re-keying: after partitions were added to `high-scores`, every user stands where it belongs."""

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from conf import clients
from conf.settings import load
from dataflows.ends import read_to_end
from dataflows.partitioner import partition_of
from dataflows.positions import forget, positions
from dataflows.rekey import rekey
from dataflows.topics import await_topics

USERS = [f"user{number}".encode() for number in range(40)]


@pytest.fixture
def settings(names, monkeypatch):
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LEADERBOARD_TOPICS__HIGH_SCORES__PARTITIONS", "3")
    monkeypatch.setenv("LEADERBOARD_TOPICS__SCORES__PARTITIONS", "2")
    return load()


def table(settings, partitions):
    found = {}
    for partition in range(partitions):
        for messages in read_to_end(
            settings, settings.topics.high_scores.name, partition, lambda: False
        ):
            for message in messages:
                found[partition, message.key()] = message.value(), message.timestamp()[1]
    return {place: best for place, best in found.items() if best[0] is not None}


def test_every_user_moves_to_its_partition_with_score_and_time(settings):
    await_topics(settings, ["high_scores"])
    producer = Producer(clients.producer(settings))
    for number, user in enumerate(USERS):
        producer.produce(
            settings.topics.high_scores.name, str(number), user, timestamp=1_000 + number
        )
    producer.flush(10)
    admin = AdminClient(clients.client(settings))
    grown = admin.create_partitions([NewPartitions(settings.topics.high_scores.name, 7)])
    grown[settings.topics.high_scores.name].result(10)

    moved = rekey(settings)

    expected = {
        (partition_of(user, 7), user): (str(number).encode(), 1_000 + number)
        for number, user in enumerate(USERS)
    }
    assert table(settings, 7) == expected
    assert moved == 2 * sum(partition_of(user, 3) != partition_of(user, 7) for user in USERS)
    assert rekey(settings) == 0


def test_positions_show_the_lag_and_can_be_forgotten(settings):
    await_topics(settings, ["scores"])
    name = settings.topics.scores.name
    producer = Producer(clients.producer(settings))
    for score in (b"1", b"2", b"3"):
        producer.produce(name, score, b"ann", partition=1)
    producer.flush(10)
    consumer = Consumer(clients.consumer(settings))
    consumer.assign([TopicPartition(name, 1, OFFSET_BEGINNING)])
    consumer.commit(offsets=[TopicPartition(name, 1, 2)], asynchronous=False)
    consumer.close()

    shown = [str(position) for position in positions(settings)]
    forget(settings)
    forgotten = [str(position) for position in positions(settings)]

    assert shown == ["0: not counted yet, 0 to 0 there", "1: 2 of 3, lag 1"]
    assert forgotten == ["0: not counted yet, 0 to 0 there", "1: not counted yet, 0 to 3 there"]

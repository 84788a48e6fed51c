"""Re-keying: after partitions were added to `high-scores`, every user is in the right one."""

import contextlib

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from conf import clients
from dataflows.kafka.caught_up import read_to_end
from dataflows.kafka.partitioner import partition_of
from dataflows.positions import forget, positions
from dataflows.process import FlowFailed
from dataflows.rekey import Best, Step, missing, rekey, strays
from tests.support.processes import open_game

USERS = [f"user{number}".encode() for number in range(40)]
FEW = {
    "LEADERBOARD_TOPICS__HIGH_SCORES__PARTITIONS": "3",
    "LEADERBOARD_TOPICS__SCORES__PARTITIONS": "2",
}


@pytest.fixture
def game(names, monkeypatch):
    with contextlib.closing(open_game({**names, **FEW}, monkeypatch)) as opened:
        yield opened


def table(settings, partitions):
    found = {}
    for partition in range(partitions):
        start = TopicPartition(settings.topics.high_scores.name, partition, OFFSET_BEGINNING)
        for messages in read_to_end(settings, start):
            for message in messages:
                found[partition, message.key()] = message.value(), message.timestamp()[1]
    return {place: best for place, best in found.items() if best[0] is not None}


def test_every_user_moves_to_its_partition_with_score_and_time(game, capsys):
    settings = game.settings
    producer = Producer(clients.producer(settings))
    for number, user in enumerate(USERS):
        producer.produce(game.name("high_scores"), str(number), user, timestamp=1_000 + number)
    producer.flush(10)
    game.grow("high_scores", 7)

    written = rekey(settings)

    expected = {
        (partition_of(user, 7), user): (str(number).encode(), 1_000 + number)
        for number, user in enumerate(USERS)
    }
    assert table(settings, 7) == expected
    moved = sum(partition_of(user, 3) != partition_of(user, 7) for user in USERS)
    assert written == 2 * moved
    assert capsys.readouterr().out == (
        f"{written} messages written: every user is in the right one of 7 partitions\n"
    )
    assert rekey(settings) == 0


def test_a_best_that_cannot_be_read_is_named_with_its_place_and_remedy(game):
    game.send((b"ann", b"12O"), to="high_scores", partition=1)

    with pytest.raises(
        FlowFailed, match=r"\[1\]@0: the best of b'ann' is not an integer .* see docs"
    ):
        rekey(game.settings)


def test_of_several_bests_of_a_user_the_one_that_ranks_first_stays():
    """As where a re-keying was stopped and the flow ran before it went on."""
    home = partition_of(b"ann", 2)
    low, high = (Best(b"ann", b"%d" % score, 1_000, -score) for score in (5, 7))
    for first, other in ((low, high), (high, low)):
        tables = [{b"ann": first}, {b"ann": other}]
        is_home = tables[home][b"ann"] == high

        assert list(missing(tables)) == ([] if is_home else [Step(home, b"ann", high)])
        assert list(strays(tables)) == [Step(1 - home, b"ann", None)]


def test_nobody_is_removed_before_all_stand_where_they_belong(game, monkeypatch):
    steps: list[str] = []
    for user in USERS:
        game.send((user, b"5"), to="high_scores", partition=0)
    monkeypatch.setattr("dataflows.rekey.IdempotentWriter", lambda _: Recorder(steps))
    moved = sum(partition_of(user, 3) != 0 for user in USERS)

    assert rekey(game.settings) == 2 * moved
    assert steps == [*["best"] * moved, "flush", *["tombstone"] * moved, "flush"]


class Recorder:
    """A writer that writes nothing, and notes in which order it was to."""

    def __init__(self, steps):
        self._steps = steps

    def write(self, records):
        self._steps += ["tombstone" if value is None else "best" for _, value, *_ in records]

    def flush(self):
        self._steps.append("flush")


def test_positions_show_the_lag_and_can_be_forgotten(game):
    settings, name = game.settings, game.name("scores")
    producer = Producer(clients.producer(settings))
    for score in (b"1", b"2", b"3"):
        producer.produce(name, score, b"ann", partition=1)
    producer.flush(10)
    consumer = Consumer(clients.consumer(settings))
    consumer.assign([TopicPartition(name, 1, OFFSET_BEGINNING)])
    consumer.commit(offsets=[TopicPartition(name, 1, 2)], asynchronous=False)
    consumer.close()

    shown = [str(position) for position in positions(settings)]
    forget(settings, watch_seconds=0)
    forgotten = [str(position) for position in positions(settings)]

    assert shown == ["0: not counted yet, 0 to 0 there", "1: 2 of 3, lag 1"]
    assert forgotten == ["0: not counted yet, 0 to 0 there", "1: not counted yet, 0 to 3 there"]

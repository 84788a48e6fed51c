"""Times that scores may carry: any, in any order."""

import random

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from conf import clients
from tests.support import oracle
from tests.support.processes import open_game, running

DAY_MS = 24 * 3600 * 1000
NOW = 1_764_000_000_000
ODD = [-1, 1, 999, NOW, 5_000, NOW + 36_500 * DAY_MS, 2**53, 2**62]


@pytest.fixture
def game(names, settings, monkeypatch):
    """Make a `scores` that takes any time."""
    config = {"retention.ms": "-1", "message.timestamp.after.max.ms": str(2**63 - 1)}
    name = settings.topics.scores.name
    admin = AdminClient(clients.client(settings))
    admin.create_topics([NewTopic(name, 8, 1, config=config)])[name].result(60)
    return open_game(names, monkeypatch)


def test_times_of_any_kind_are_taken_and_decide_ties(names, game):
    dice = random.Random(1)
    days = [NOW - day * DAY_MS for day in range(730)]
    with running(names):
        for number, time in enumerate([*ODD, *days, *dice.sample(days, 50), *ODD]):
            game.send((f"user{number % 20}", b"%d" % (number // 40)), timestamp=time)
        game.drain()
        game.send(*[(f"tie{time}", b"1000") for time in ODD if time > 2**52], timestamp=1)
        game.send(("late", b"1000"), timestamp=2**62)
        game.drain()
    expected = oracle.table(oracle.improvements(game.read("scores")))

    assert oracle.standings(game.read("high_scores")) == expected  # compaction may have been here
    assert oracle.shown(game.read("top_5")[-1].value or b"") == oracle.board(expected)

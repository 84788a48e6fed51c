"""A replica that lacks acknowledged scores becomes the leader: the flow says so, and what to do."""

import contextlib
import subprocess
import sys

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from local.cluster import planned
from tests.support import oracle
from tests.support.failover import NUMBERS
from tests.support.load import some
from tests.support.processes import Flow, Game, load_with, running
from tests.support.until import until_true

UNSAFE = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "min.insync.replicas": "1",
    "unclean.leader.election.enable": "true",
}


def create_scores(address):
    """Create `scores` with its leaders on broker 1 and one replica of each on broker 2."""
    topic = NewTopic("scores", 8, replica_assignment=[[1, 2]] * 8, config=UNSAFE)
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([topic])["scores"].result(30)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("guarantee", ["exactly_once", "at_least_once"])
def test_an_unclean_election_is_named_and_what_is_there_then_counts(
    tmp_path, monkeypatch, guarantee
):
    with planned(tmp_path / "cluster") as cluster:
        cluster.start(*NUMBERS)
        create_scores(cluster.address)
        names = {
            "LEADERBOARD_BOOTSTRAP_SERVERS": cluster.address,
            "LEADERBOARD_GUARANTEE": guarantee,
        }
        settings = load_with(names, monkeypatch)
        with contextlib.closing(Flow("highscores", names)) as flow:
            until_true(lambda: flow.restored() == 8, 60)
            warned = "may get a leader that lacks acknowledged messages" in flow.said()
            with contextlib.closing(Game(settings)) as game:
                game.send(*some(1, 200))
                until_true(lambda: game.lag() == 0, 60)
                cluster.kill(2)
                game.send(*some(2, 200))  # on broker 1 alone
                until_true(lambda: game.lag() == 0, 60)
                cluster.kill(1)
                cluster.start(2)
                statuses = flow.wait(90)
                said = flow.said()
        cluster.start(1)
        subprocess.run([sys.executable, "-m", "dataflows.positions", "--forget"], check=True)
        with contextlib.closing(Game(settings)) as game, running(names):
            game.send(*some(3, 1_000))
            expected = oracle.table(oracle.improvements(game.read("scores")))
            # A commit is acknowledged before its messages can be read.
            until_true(lambda: expected.items() <= bests(game).items(), 60)

    assert warned
    assert statuses == [1]
    assert "its log became shorter" in said


def bests(game):
    return oracle.standings(game.read("high_scores"))

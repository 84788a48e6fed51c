"""The broker is not there yet, dies, or stays away: flows wait, go on, or end loudly."""

import contextlib

import pytest

from local.claims import ports
from local.cluster import started
from tests.support import oracle
from tests.support.load import load
from tests.support.processes import Flow, open_game, running
from tests.support.until import until_true


@pytest.fixture
def names():
    """Name a broker that is not there yet, and nothing else: it is the test's own."""
    (port,) = ports(0)
    return {"LEADERBOARD_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"}


@pytest.fixture
def alive(names, tmp_path):
    """Run this broker for the length of a block, and kill it at the end."""

    @contextlib.contextmanager
    def run():
        port = int(names["LEADERBOARD_BOOTSTRAP_SERVERS"].rpartition(":")[2])
        with started(tmp_path / "kafka", port, {}) as broker:
            yield
            broker.process.kill()
            broker.process.wait()

    return run


def test_flows_wait_for_a_broker_and_survive_its_kill_under_load(names, alive, monkeypatch):
    with running(names) as flows, contextlib.ExitStack() as playing:
        until_true(lambda: all("waiting for the broker" in flow.said() for flow in flows), 30)
        with alive():
            game = open_game(names, monkeypatch)
            playing.enter_context(load(game))
            until_true(lambda: game.end("high_scores") > 200, 60)
        with alive():
            before = game.end("high_scores")
            until_true(lambda: game.end("high_scores") > before + 200, 60)
            playing.close()
            game.drain()
            oracle.check(game.read)
            stops = [flow.stop() for flow in flows]

    assert stops == [[0], [0]]


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_a_broker_away_for_longer_than_a_delivery_may_take_ends_the_flow_and_a_restart_goes_on(
    names, alive, monkeypatch, guarantee
):
    """It goes when newer scores are read and positions are about to be committed."""
    soon = {
        "LEADERBOARD_KAFKA": '{"delivery.timeout.ms": 5000}',
        "LEADERBOARD_GUARANTEE": guarantee,
    }
    with contextlib.ExitStack() as playing:
        with alive():
            game = open_game(names, monkeypatch)
            flow = Flow("highscores", {**names, **soon}, halt="reading_on 5 SIGSTOP")
            playing.callback(flow.close)
            playing.enter_context(load(game))
            flow.await_pause()
            before = game.end("scores")
            until_true(lambda: game.end("scores") > before + 200)
        flow.resume()
        statuses = flow.wait(20)
        said = flow.said()
        with alive(), running(names):
            oracle.check_so_far(game.read("high_scores"), game.read("scores"))
            playing.close()
            game.drain()
            oracle.check(game.read)

    assert statuses == [1]
    assert "nothing of it is committed, fix the cause, and start again" in said

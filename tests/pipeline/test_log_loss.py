"""A partition of `scores` loses its log: it is named, and what comes afterwards is counted."""

import contextlib
import subprocess
import sys

import pytest

from dataflows.kafka.partitioner import partition_of
from local.claims import ports
from local.cluster import started
from tests.support import oracle
from tests.support.processes import Flow, open_game, running
from tests.support.until import until_true

PARTITION = 3
USERS = [
    user for user in (f"user{each}" for each in range(900)) if partition_of(user.encode(), 8) == 3
]
SHORTER = "its log became shorter"


@pytest.fixture
def names():
    """Name a broker of the test's own that runs when `alive` is entered."""
    (port,) = ports(0)
    return {"LEADERBOARD_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"}


@contextlib.contextmanager
def alive(names, tmp_path):
    port = int(names["LEADERBOARD_BOOTSTRAP_SERVERS"].rpartition(":")[2])
    with started(tmp_path / "kafka", port, {}):
        yield


def opened(names, monkeypatch):
    return contextlib.closing(open_game(names, monkeypatch))


def lose_log(tmp_path):
    """Delete the log of a partition, as a disk that is lost does; the topic stays the same."""
    for path in (tmp_path / "kafka" / "log" / f"scores-{PARTITION}").iterdir():
        if path.name != "partition.metadata":
            path.unlink()


@pytest.mark.parametrize("written", [0, 3], ids=["shorter", "written past the position again"])
def test_a_log_that_became_shorter_is_named_and_what_is_there_then_counts(
    names, tmp_path, monkeypatch, written
):
    with alive(names, tmp_path), opened(names, monkeypatch) as game, running(names):
        game.send(*[(user, b"100") for user in USERS])
        game.drain()
    lose_log(tmp_path)
    with alive(names, tmp_path), opened(names, monkeypatch) as game:
        for each in range(written):
            game.send(*[(user, b"%d" % (200 + each)) for user in USERS])
        with contextlib.closing(Flow("highscores", names)) as flow:
            statuses = flow.wait(30)
            said = flow.said()
        forget()
        game.send(*[(user, b"500") for user in USERS[:50]])
        with running(names) as (highscores, _):
            until_true(lambda: game.lag() == 0, 30)
            until_true(lambda: set(bests(game, USERS[:50])) == {500}, 30)
            until_true(lambda: "is not the score that was counted" in highscores.said(), 30)
        others = set(bests(game, USERS[50:]))

    assert statuses == [1]
    assert f"scores[{PARTITION}]: {SHORTER}" in said
    assert "--forget" in said
    assert others == {202 if written else 100}


def forget():
    subprocess.run([sys.executable, "-m", "dataflows.positions", "--forget"], check=True)


def bests(game, users):
    table = oracle.standings(game.read("high_scores"))
    return [table[user.encode()][0] for user in users]

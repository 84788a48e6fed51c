"""SIGTERM, SIGINT, SIGSTOP, and a cluster that loses one of its processes."""

import signal
import time

import pytest

from tests.support import oracle
from tests.support.load import load, some
from tests.support.processes import running
from tests.support.until import until_true

SHARDS = 8


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_is_clean_in_any_shape(names, game, number):
    """What it wrote it commits, but where the machine did not give it its two seconds."""
    with load(game):
        for arguments, processes in [((), 1), (("-w", "2"), 1), ((), 2)]:
            left = (stopped(names, game, number, *arguments, processes=processes) for _ in "abc")

            assert 0 in left, arguments
    with running(names):
        game.drain()

    oracle.check(game.read)


def stopped(names, game, number, *arguments, processes):
    """Stop both flows amid work; return how many messages they have left uncommitted."""
    boards = game.end("top_5")
    with running(names, *arguments, processes=processes) as flows:
        until_true(lambda: flows[0].restored() == SHARDS, 30)
        until_true(lambda: game.end("top_5") > boards, 30)
        statuses = [flow.stop(number) for flow in flows]

        assert statuses == [[0] * processes, [0]], arguments
        assert "Traceback" not in "".join(flow.said() for flow in flows)
    return game.uncommitted()


def test_a_signal_to_one_process_of_a_cluster_ends_all(names, game):
    game.send(*some(1, 500))
    with running(names, processes=2) as (highscores, _):
        until_true(lambda: game.lag() == 0, 30)
        highscores.processes[0].send_signal(signal.SIGINT)
        statuses = highscores.wait(15)
    game.send(*some(2, 500))
    with running(names):
        game.drain()

    assert statuses[0] == 1
    assert statuses[1] != 0
    oracle.check(game.read)


def test_one_process_of_a_cluster_killed_ends_all_and_a_restart_goes_on(names, game):
    with running(names, processes=2) as (highscores, _), load(game):
        until_true(lambda: game.end("high_scores") > 100, 30)
        highscores.processes[1].kill()
        statuses = highscores.wait(10)
        replayed = game.uncommitted()
        said = highscores.said()
    with running(names, processes=2):
        game.send(*some(2, 500))
        game.drain()

    assert statuses == [1, -9]
    assert "another process of the cluster has ended" in said
    assert replayed > 0
    oracle.check(game.read)


@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=pytest.mark.long)])
def test_one_process_of_a_cluster_that_was_paused_goes_on(names, game, seconds):
    with running(names, processes=2) as (highscores, _), load(game):
        until_true(lambda: game.end("high_scores") > 100, 30)
        highscores.processes[1].send_signal(signal.SIGSTOP)
        time.sleep(seconds)  # the length of the pause is what is tried here
        bounds = game.bounds("scores")
        highscores.processes[1].send_signal(signal.SIGCONT)
        until_true(lambda: game.behind(bounds) == 0, 30)
        statuses = highscores.stop()
    with running(names):
        game.drain()

    assert statuses == [0, 0]
    oracle.check(game.read)


def test_a_process_of_a_cluster_ends_when_another_one_does_not_answer(names, game):
    """As where the host of the other has vanished without a word."""
    given = {**names, "LEADERBOARD_FLOWS__STALL_SECONDS": "3"}
    with running(given, processes=2) as (highscores, _):
        for seed in (1, 2):  # two epochs: the first may take the time of a start
            game.send(*some(seed, 200))
            until_true(lambda: game.lag() == 0, 30)
        silent, other = highscores.processes
        silent.send_signal(signal.SIGSTOP)
        status = other.wait(60)
        said = highscores.said()
        silent.send_signal(signal.SIGCONT)
        highscores.wait(10)
    game.send(*some(3, 200))
    with running(names):
        game.drain()

    assert status == 1
    assert "no epoch has ended for 3 s" in said
    oracle.check(game.read)

"""Topics that grow, and a position that retention has deleted: loud, with a way on that works."""

import contextlib
import subprocess
import sys

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from conf import clients
from tests.support import oracle
from tests.support.load import some
from tests.support.processes import Flow, Game, open_game, running

SOON = {"LEADERBOARD_KAFKA": '{"topic.metadata.refresh.interval.ms": 500}'}


def run(module, *arguments):
    """Run a command as the documentation has it; the test's settings are in the environment."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("processes", [1, 2])
def test_partitions_added_to_scores_ask_for_a_restart_and_nothing_is_missed(names, game, processes):
    with running({**names, **SOON}, processes=processes) as (highscores, _):
        game.send(*some(1, 500))
        game.drain()
        game.grow("scores", 11)
        game = Game(game.settings)  # its producer knows them
        game.send(*[(f"new{each}", b"5") for each in range(30)], partition=10)
        statuses = highscores.wait(20)
        said = highscores.said()
    game.send(*[(f"newer{each}", b"6") for each in range(30)], partition=9)
    with running(names):
        game.drain()

    assert 75 in statuses
    assert 0 not in statuses
    assert "has 11 partitions now: start the flow again" in said
    oracle.check(game.read)


def test_partitions_added_to_high_scores_are_refused_until_it_is_re_keyed(names, game):
    with running(names):
        game.send(*some(1, 300))
        game.drain()
    game.grow("high_scores", 13)
    with contextlib.closing(Flow("highscores", names)) as flow:
        statuses = flow.wait(30)
        said = flow.said()
    printed = run("dataflows.rekey")
    game.send(*some(2, 300))
    with running(names):
        game.drain()
    expected = oracle.table(oracle.improvements(game.read("scores")))

    assert statuses == [1]
    assert "docs/operations.md says how to re-key it" in said
    assert "every user is in the right one of 13 partitions" in printed
    assert oracle.standings(game.read("high_scores")) == expected
    assert oracle.shown(game.read("top_5")[-1].value or b"") == oracle.board(expected)


@pytest.mark.parametrize(("flow", "kind"), [("highscores", "scores"), ("top5", "high_scores")])
def test_a_cluster_with_more_processes_than_partitions_is_refused(names, monkeypatch, flow, kind):
    given = {**names, f"LEADERBOARD_TOPICS__{kind.upper()}__PARTITIONS": "2"}
    open_game(given, monkeypatch).close()
    with contextlib.closing(Flow(flow, given, processes=3)) as cluster:
        statuses = cluster.wait(60)
        said = cluster.said()

    assert statuses == [1, 1, 1]
    assert f"3 processes, but {names[f'LEADERBOARD_TOPICS__{kind.upper()}__NAME']} has 2 " in said


def test_a_position_deleted_by_retention_is_loud_and_what_is_left_can_be_counted(names, game):
    with running(names):
        game.send(*some(1, 200))
        game.drain()
    counted = game.read("high_scores")
    game.send(*some(2, 400))
    ends = [TopicPartition(game.name("scores"), each, -1) for each in range(8)]
    admin = AdminClient(clients.client(game.settings))
    for future in admin.delete_records(ends).values():
        future.result(60)
    game.send(*some(3, 100))
    with contextlib.closing(Flow("highscores", names)) as flow:
        statuses = flow.wait(30)
        said = flow.said()
    shown = run("dataflows.positions")
    run("dataflows.positions", "--forget")
    with running(names):
        game.drain()
    scores = game.read("scores")
    removed = {seen.key for seen in scores if seen.value is None}
    expected = oracle.standings(counted) | oracle.table(oracle.improvements(scores))
    actual = oracle.standings(game.read("high_scores"))

    assert statuses == [1]
    assert "was deleted by retention, the first message there is" in said
    assert "GONE by retention" in shown
    assert {user: actual.get(user) for user in expected.keys() - removed} == {
        user: expected[user] for user in expected.keys() - removed
    }

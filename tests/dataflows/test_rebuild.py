"""Tables and boards are made anew from the scores, with other partitions too."""

import contextlib
import json
from functools import partial

import pytest

from dataflows.kafka.topics import await_topics
from dataflows.positions import Position, forget
from dataflows.rebuild import main
from tests.support import oracle
from tests.support.load import some
from tests.support.processes import open_game, running


@pytest.fixture
def game(names, monkeypatch):
    with contextlib.closing(open_game(names, monkeypatch)) as opened:
        yield opened


def test_nothing_is_deleted_without_a_word(game, monkeypatch, capsys):
    monkeypatch.setenv("LEADERBOARD_CREATE_TOPICS", "false")
    game.send(("ann", b"5"), to="high_scores")
    status = main([])
    printed = capsys.readouterr()

    assert (status, len(game.read("high_scores"))) == (1, 1)
    assert f"deletes {game.name('high_scores')}, {game.name('top_5')}" in printed.out
    assert "create_topics is false: it waits 300 s for you to create them again" in printed.out
    assert "run it with --yes" in printed.err


@pytest.mark.parametrize(("boards", "seconds"), [(["all-time"], 20), (["all-time", "day"], 40)])
def test_how_long_it_takes_is_said_before(boards, seconds, monkeypatch, capsys):
    there = [Position(0, None, 500_000, 2_500_000), Position(1, 7, 0, 1_000_000)]
    monkeypatch.setattr("dataflows.rebuild.positions", lambda _: there)
    monkeypatch.setenv("LEADERBOARD_BOARDS", json.dumps(boards))

    assert main([]) == 1
    assert (
        f"3000000 scores again\non two cores that takes {seconds} s at" in capsys.readouterr().out
    )


def test_a_table_that_is_wrong_is_right_after_it_with_the_partitions_of_the_settings(
    names, game, monkeypatch
):
    monkeypatch.setattr("dataflows.rebuild.forget", partial(forget, watch_seconds=0))
    game.send(*some(1, 300))
    with running(names):
        game.drain()
    game.send(("cheat", b"999999999999"), to="high_scores")
    fewer = {"LEADERBOARD_TOPICS__HIGH_SCORES__PARTITIONS": "3"}
    for name, value in fewer.items():
        monkeypatch.setenv(name, value)

    assert main(["--yes"]) == 0
    with running({**names, **fewer}):
        game.drain()
    boards = [json.loads(seen.value or b"") for seen in game.read("top_5")]

    assert await_topics(game.settings)["high_scores"].partitions == 3
    assert "cheat" not in {row["user"] for board in boards for row in board["rows"]}
    oracle.check(game.read)

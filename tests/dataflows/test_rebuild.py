"""Tables and boards are made anew from the scores, with other partitions too."""

import contextlib
import json
import time
from functools import partial

import pytest

from dataflows.kafka.topics import await_topics
from dataflows.positions import Position, forget
from dataflows.rebuild import DAY_MS, main
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
    monkeypatch.setattr("dataflows.rebuild._has_expired", lambda _: False)
    monkeypatch.setenv("LEADERBOARD_BOARDS", json.dumps(boards))

    assert main([]) == 1
    assert (
        f"3000000 scores again\non two cores that takes {seconds} s at" in capsys.readouterr().out
    )


BY_DAY = {"LEADERBOARD_BOARDS": '["all-time", "day"]'}
KEPT = "LEADERBOARD_TOPICS__HIGH_SCORES__PERIODS_RETENTION_MS"


def is_warned(game, capsys, days_ago):
    """Send a score that is so old, and a new one; return whether the command speaks of its age."""
    now = int(time.time() * 1000)
    game.send(("ann", b"5"), timestamp=now - days_ago * DAY_MS)
    game.send(("ann", b"6"), timestamp=now)
    assert main([]) == 1
    return "topics.high_scores.periods_retention_ms, 400 days" in capsys.readouterr().out


def test_scores_older_than_the_bests_of_periods_are_kept_are_said_before(game, monkeypatch, capsys):
    monkeypatch.setenv("LEADERBOARD_BOARDS", BY_DAY["LEADERBOARD_BOARDS"])

    assert is_warned(game, capsys, 500)


@pytest.mark.parametrize(
    ("given", "days_ago"),
    [
        (BY_DAY, 300),
        (BY_DAY | {KEPT: str(600 * DAY_MS)}, 500),
        (BY_DAY | {KEPT: "-1"}, 500),
        ({}, 500),
    ],
    ids=["younger", "kept for longer", "kept for ever", "no periods"],
)
def test_scores_whose_bests_are_kept_need_no_word(game, monkeypatch, capsys, given, days_ago):
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert not is_warned(game, capsys, days_ago)


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

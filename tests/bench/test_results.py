"""A run of a candidate ends when its tables are right, and says what is wrong with them."""

import contextlib
from typing import Any

import pytest

from bench import candidates, periods, restarts, results
from bench import game as games
from bench.broker import Broker
from bench.candidates import OTHER_BOARDS
from bench.game import Game
from bench.runs import Candidate
from bench.topics import Ends, Reader
from dataflows.kafka.partitioner import partition_of

GAME = Game(1_000, 50)


def right(game):
    return {"high_scores": games.expected(game).best}


@contextlib.contextmanager
def filled(kafka, folder, game, environment=()):
    """Give settings and variables of fresh topics, of which `scores` has a game."""
    with Broker(kafka, folder).fresh_topics(**dict(environment)) as (settings, variables):
        games.fill(settings, game)
        yield settings, variables


def test_a_table_that_is_wrong_for_one_user_is_a_wrong_result(kafka, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "LIMIT_SECONDS", 20)
    best = games.expected(GAME).best
    with filled(kafka, tmp_path, GAME) as (settings, environment):
        wanted = {"high_scores": best | {b"player-7": 1}}
        result = results.run(settings, candidates.FLOWS[0], environment, wanted)

    assert result.wrong.startswith(
        f"not done within 20 s, 1 of {len(best)} bests wrong in high_scores:"
    )


@pytest.mark.parametrize("kind", ["high_scores_day", "high_scores_week"])
def test_a_best_of_a_period_that_is_missing_is_a_wrong_result(kind, kafka, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "LIMIT_SECONDS", 20)
    game = GAME._replace(days=3)
    with filled(kafka, tmp_path, game, OTHER_BOARDS.environment) as (settings, environment):
        tables = {**right(game), **periods.bests(settings)}
        tables[kind] = {**tables[kind], b"2026-01-01/player-7": 1}
        result = results.run(settings, OTHER_BOARDS, environment, tables)

    assert f"1 of {len(tables[kind])} bests wrong in {kind}:" in result.wrong


def test_the_scores_of_a_game_are_at_home_in_the_order_of_time_and_in_every_period(kafka, tmp_path):
    with filled(kafka, tmp_path, GAME._replace(days=30)) as (settings, _):
        with contextlib.closing(Reader(settings, settings.topics.scores.name)) as reader:
            seen = [
                (each.partition(), each.key() or b"", each.timestamp()[1]) for each in reader.read()
            ]
        bests = periods.bests(settings)
    days = {key.partition(b"/")[0] for key in bests["high_scores_day"]}

    assert [partition_of(user, 8) for _, user, _ in seen] == [number for number, _, _ in seen]
    assert all(
        times == sorted(times)
        for times in ([at for each, _, at in seen if each == number] for number in range(8))
    )
    assert 30 <= len(days) <= 31


def test_the_tables_of_a_history_have_no_marker_of_a_transaction_at_a_later_time(kafka, tmp_path):
    game = Game(1_000, 100_000, days=365)  # nobody twice on a day: there is nothing to compact
    with Broker(kafka, tmp_path).fresh_topics(**OTHER_BOARDS.environment) as (settings, variables):
        restarts.count(restarts.Table(settings, variables, game.users), game)
        name = settings.topics.of("high_scores_day").name
        with (
            contextlib.closing(Reader(settings, name)) as reader,
            contextlib.closing(Ends(settings, name)) as ends,
        ):
            messages = len(list(reader.read()))
            offsets = ends.count()

    assert [messages, offsets] == [1_016, 1_016]


def test_the_key_of_a_period_is_its_day_or_its_week_and_the_user():
    sunday = 20_821  # 4 January 2027, a Monday, is the day after

    assert periods.key_prefix("high_scores_day", sunday) == b"2027-01-03/"
    assert periods.key_prefix("high_scores_week", sunday) == b"2026-W53/"
    assert periods.key_prefix("high_scores_week", sunday + 1) == b"2027-W01/"


def test_a_candidate_that_pauses_for_long_is_waited_for(kafka, tmp_path):
    with filled(kafka, tmp_path, GAME) as (settings, environment):
        paused = Candidate("paused", "tests.bench.pausing", [])
        result = results.run(settings, paused, environment, right(GAME))

    assert result.wrong == ""
    assert result.seconds > 3
    assert result.broker_cpu_seconds > 0


def test_the_clock_runs_from_the_first_message_of_any_table_to_the_last_of_any(kafka, tmp_path):
    with filled(kafka, tmp_path, GAME, OTHER_BOARDS.environment) as (settings, environment):
        tables = {**right(GAME), **periods.bests(settings)}
        paused = Candidate("paused", "tests.bench.pausing", ["periods"])
        result = results.run(settings, paused, environment, tables)

    assert result.wrong == ""
    assert result.seconds > 3


def test_a_candidate_that_dies_is_not_waited_for(kafka, tmp_path):
    with Broker(kafka, tmp_path).fresh_topics() as (settings, environment):
        dying = Candidate("dying", "bench.no_such_module", [])
        result = results.run(settings, dying, environment, right(GAME))

    assert result.wrong.startswith("ended before its work, nothing was written")


class Written:
    """News of a topic that has come already."""

    def __init__(self, key, value):
        self._message = key, value

    def first(self, _):
        return self._message


def test_a_restart_is_over_when_every_board_has_the_leading_score():
    outputs = {"high_scores": (b"player-5", 7), "high_scores_day": (b"2026-01-01/player-5", 7)}
    news: Any = {kind: Written(key, b"%d" % score) for kind, (key, score) in outputs.items()}
    late: Any = Written(b"2025-12-31/player-5", b"7")

    restarts._check(news, outputs)  # noqa: SLF001
    with pytest.raises(ValueError, match="high_scores_day: "):
        restarts._check(news | {"high_scores_day": late}, outputs)  # noqa: SLF001


def test_a_restart_with_three_boards_awaits_all_of_their_tables(kafka, tmp_path):
    with Broker(kafka, tmp_path).fresh_topics(**OTHER_BOARDS.environment) as (settings, _):
        table = restarts.Table(settings, {}, 10)
        news = restarts._watch(table, "highscores")  # noqa: SLF001

    assert tuple(news) == ("high_scores", "high_scores_day", "high_scores_week")

"""Boards by day, week and month: right by an oracle that knows the scores alone."""

import contextlib
import itertools
import random
import subprocess
import sys
import time

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from conf import clients
from tests.support import board_oracle
from tests.support.board_oracle import HOUR_MS, Rules
from tests.support.load import playing
from tests.support.processes import Flow, open_game, running
from tests.support.until import until_true

BOARDS = '["all-time", "day", "week", "month"]'
DAY_MS = 24 * HOUR_MS
LATE_MS = 24 * HOUR_MS  # the default of `late_hours`
ZONE = "Europe/Berlin"
YEAR_3000 = 32_503_680_000_000  # in ms
OTHER_CONSUMER = """
import sys
from kafka import KafkaConsumer

address, topic = sys.argv[1:]
consumer = KafkaConsumer(
    topic, bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=30_000
)
for _, message in zip("ab", consumer):
    print(message.key.decode(), message.value.decode(), message.timestamp)
"""
GUARANTEES = ["exactly_once", "at_least_once"]


@pytest.fixture
def names(names):
    return {**names, "LEADERBOARD_BOARDS": BOARDS, "LEADERBOARD_TIME_ZONE": ZONE}


@pytest.fixture
def game(names, monkeypatch):
    with contextlib.closing(open_game(names, monkeypatch)) as game:
        yield game


def past(seed, count, days=40):
    """Make users, scores and times of the last days, mostly in order, some of them late."""
    dice = random.Random(seed)
    now = time.time_ns() // 1_000_000
    for number in range(count):
        made = now - days * DAY_MS + days * DAY_MS * number // count
        late = dice.random() < 0.05 and dice.randrange(4 * DAY_MS)
        value = None if dice.random() < 0.02 else b"%d" % dice.randrange(1_000)
        yield f"user{dice.randrange(30)}", value, made - late


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_every_board_is_what_the_scores_alone_say(names, game, guarantee):
    rules = Rules(zone=ZONE)
    game.play(past(1, 3_000))
    with running({**names, "LEADERBOARD_GUARANTEE": guarantee}):
        board_oracle.drain(game, rules)

    board_oracle.check(game, rules)


def test_a_message_without_a_key_is_rejected_and_stops_no_board(names, game):
    game.send((None, b"5"), ("ann", b"7"))
    with running(names):
        board_oracle.drain(game, Rules(zone=ZONE))

    assert [seen.value for seen in game.read("rejected")] == [b"5"]
    board_oracle.check(game, Rules(zone=ZONE))


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_kills_at_any_moment_leave_no_board_behind_another(names, game, guarantee):
    """The flow dies with the writes of one board under way, and with those of another done."""
    given, rules = {**names, "LEADERBOARD_GUARANTEE": guarantee}, Rules(zone=ZONE)
    played = iter(past(2, 4_000))
    moments = ["producing 1", "producing 150", "producing 400", "committing 1", "restored 3"]
    for moment in moments:
        game.play(itertools.islice(played, 500))
        flow = Flow("highscores", given, halt=f"{moment} SIGKILL")
        try:
            assert flow.wait(60) == [-9], moment
        finally:
            flow.close()
    game.play(played)
    with running(given):
        board_oracle.drain(game, rules)

    board_oracle.check(game, rules)


def test_random_kills_of_both_flows_change_no_board(names, game):
    names = {**names, "LEADERBOARD_LATE_HOURS": "2"}
    rules, dice = Rules(zone=ZONE, late_hours=2), random.Random(5)
    played, replayed = iter(past(3, 6_000, days=10)), []
    for _ in range(4):
        with running(names) as flows:
            until_true(lambda: flows[0].restored() == 8, 30)
            with playing(game, played):
                until_true(lambda: game.uncommitted("high_scores_day"), 30)  # work that is redone
                time.sleep(dice.random())  # a random moment is what is tried here
                for flow in flows:
                    flow.kill()
        replayed.append(game.uncommitted("high_scores_day"))
    game.play(played)
    with running(names):
        board_oracle.drain(game, rules)

    assert sum(map(bool, replayed)) >= 2, replayed  # a commit may come before the kill
    board_oracle.check(game, rules)


def test_a_restart_publishes_nothing_anew_and_closed_periods_are_final(names, game):
    rules = Rules(zone=ZONE)
    game.play(past(4, 600, days=9))
    with running(names):
        board_oracle.drain(game, rules)
        until_true(lambda: len(board_oracle.finals(game)) >= 5, 30)
    with running(names):
        game.play(past(4, 600, days=9))  # late, or no better
        until_true(lambda: game.lag() == 0, 30)
        time.sleep(8)  # for the check of closed periods: nothing is to happen
    last: dict[object, object] = {}
    for seen in game.read("top_5"):
        assert seen.value != last.get(seen.key), seen
        last[seen.key] = seen.value

    board_oracle.check_final(game.read("top_5"))


def test_a_board_that_is_switched_on_later_is_filled_from_the_log(names, game):
    rules = Rules(zone=ZONE)
    game.play(past(6, 800, days=5))
    with running({**names, "LEADERBOARD_BOARDS": '["all-time"]'}):
        game.drain()
    game.play(past(7, 100, days=1))
    with running(names) as (highscores, _):
        board_oracle.drain(game, rules)
        said = highscores.said()

    assert f"{game.name('high_scores_day')} is new to group" in said
    board_oracle.check(game, rules)


def test_the_lowest_score_can_be_the_best(names, game):
    rules = Rules(zone=ZONE, lowest=True)
    ends = [("low", b"-9223372036854775808", 1), ("high", b"9223372036854775807", 1)]
    game.play([*past(8, 1_000, days=3), *ends, ("low", b"-9223372036854775807", 2)])
    with running({**names, "LEADERBOARD_ORDER": "lowest"}):
        board_oracle.drain(game, rules)

    board_oracle.check(game, rules)


@pytest.fixture
def timeless(names, settings, monkeypatch):
    """Return topics whose one partition of scores takes any time.

    Kafka's default refuses what is an hour ahead.
    """
    config = {"retention.ms": "-1", "message.timestamp.after.max.ms": str(2**63 - 1)}
    name, admin = settings.topics.scores.name, AdminClient(clients.client(settings))
    admin.create_topics([NewTopic(name, 1, 1, config=config)])[name].result(60)
    with contextlib.closing(open_game(names, monkeypatch)) as game:
        yield game


def test_a_clock_in_the_year_3000_closes_no_period(names, timeless):
    now = time.time_ns() // 1_000_000
    early = now - 10 * DAY_MS
    timeless.play([("bob", b"1", early), ("ann", b"2", early), ("cyd", b"9", YEAR_3000)])
    timeless.play([("ann", b"5", now + 1), ("bob", b"7", now + 2)])
    periods = {board: board_oracle.period(board, early, ZONE) for board in ("day", "week", "month")}
    closed = {f"{board}/{name}" for board, (name, end) in periods.items() if end + LATE_MS <= now}
    with running(names):
        until_true(lambda: users(timeless).get(day(now)) == ["bob", "ann"], 60)
        # A look at what is closed, after all is committed: the past is.
        until_true(lambda: closed <= board_oracle.finals(timeless), 30)

    assert users(timeless)["day/3000-01-01"] == ["cyd"]
    assert board_oracle.finals(timeless) == closed


def test_a_clock_in_the_year_3000_that_is_alone_makes_no_board_final(names, timeless):
    now = time.time_ns() // 1_000_000
    with running(names):
        timeless.play([("cyd", b"9", YEAR_3000)])
        until_true(lambda: "day/3000-01-01" in users(timeless), 60)
        time.sleep(8)  # for the check of closed periods: it is to find nothing
        timeless.play([("ann", b"5", now)])
        until_true(lambda: users(timeless).get(day(now)) == ["ann"], 30)
        timeless.play([("bob", b"7", now + 1)])
        until_true(lambda: users(timeless)[day(now)] == ["bob", "ann"], 30)

    assert not board_oracle.finals(timeless)


def day(time_ms):
    """Return the key of the board of a time's day."""
    return f"day/{board_oracle.period('day', time_ms, ZONE)[0]}"


def users(game):
    """Return the users of the last board of each period."""
    shown = board_oracle.shown(game.read("top_5"))
    return {key: [row["user"] for row in board["rows"]] for key, board in shown.items()}


def test_a_consumer_of_another_library_reads_the_table_of_the_day(names, game):
    now = time.time_ns() // 1_000_000
    game.play([("ann", b"5", now), ("bob", b"7", now)])
    with running(names):
        until_true(lambda: len(game.read("high_scores_day")) == 2, 60)
    read = subprocess.run(
        [
            sys.executable,
            "-c",
            OTHER_CONSUMER,
            game.settings.bootstrap_servers,
            game.name("high_scores_day"),
        ],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    today = day(now).removeprefix("day/")

    assert sorted(read.stdout.splitlines()) == [f"{today}/ann 5 {now}", f"{today}/bob 7 {now}"]

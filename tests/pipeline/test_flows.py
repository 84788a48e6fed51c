"""Both flows on the real broker: what they write equals what the oracle computes from the log."""

import contextlib
import json
import random
import signal
import struct

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from conf import clients
from dataflows.kafka.topics import await_topics
from dataflows.positions import forget
from tests.support import oracle
from tests.support.processes import Flow, open_game, running
from tests.support.until import until_true

ODD_NAMES = ["q'u\"o", "<b>x</b>", "a\nb", "😀", "l\u2028s", "x" * 1_000, "Ж", "a b"]
BAD = [b"", b"1.0", b"1e2", b'"120"', b"true", b"01", b"9223372036854775808", b'{"score":1.5}']
GOOD = [b"-0", b'{"score":77}', b'{"score":"x","score":78}', b" 79 ", b"-9223372036854775808"]


def crowd(seed, count, users=40):
    """Make a stream of ties, improvements, tombstones and bad messages."""
    dice = random.Random(seed)
    names = [f"user{number}" for number in range(users)] + ODD_NAMES
    for _ in range(count):
        kind = dice.random()
        user = dice.choice(names)
        if kind < 0.02:
            yield user, None
        elif kind < 0.05:
            yield user, dice.choice(BAD)
        elif kind < 0.08:
            yield user, dice.choice(GOOD)
        elif kind < 0.09:
            yield dice.choice([None, "", b"\xff\xfe", "y" * 4_097]), b"5"
        else:
            yield user, b"%d" % dice.randrange(-50, 500)


@pytest.mark.parametrize(
    ("arguments", "processes", "partitions"),
    [((), 1, 8), (("-w", "3"), 1, 8), ((), 2, 8), ((), 1, 1), (("-w", "2"), 1, 12)],
    ids=["one worker", "three workers", "two processes", "one partition", "twelve partitions"],
)
def test_everything_is_counted_once_over_stops_and_replays(
    names, monkeypatch, arguments, processes, partitions
):
    many = {
        **names,
        "LEADERBOARD_TOPICS__SCORES__PARTITIONS": str(partitions),
        "LEADERBOARD_TOPICS__HIGH_SCORES__PARTITIONS": str(partitions),
    }
    game = open_game(many, monkeypatch)
    game.send(*crowd(1, 500))
    with running(many, *arguments, processes=processes) as flows:
        for seed in (2, 3):
            game.send(*crowd(seed, 500))
            game.drain()
        stops = [flow.stop() for flow in flows]
    game.send(*crowd(4, 500))
    before = game.lag()
    with running(many, *arguments, processes=processes):
        game.drain()
    messages = len(game.read("high_scores"))
    forget(game.settings, watch_seconds=0)
    with running(many, *arguments, processes=processes) as (highscores, _):
        game.drain()
        said = highscores.said()

    assert stops == [[0] * processes, [0]]
    assert before == 500
    assert "has no committed position: reading" in said
    assert len(game.read("high_scores")) == messages
    oracle.check(game.read)


@pytest.fixture
def flows(names, game):  # noqa: ARG001 - its topics come first
    """Run both flows for a test."""
    with running(names) as started:
        yield started


def rows(game):
    game.drain()
    return [
        (row["user"], row["score"])
        for row in json.loads(game.read("top_5")[-1].value or b"")["rows"]
    ]


@pytest.mark.usefixtures("flows")
def test_one_user_holds_one_row_and_a_lower_score_after_a_higher_writes_nothing(game):
    game.send(*[("ann", b"%d" % score) for score in (10, 20, 30, 40)])
    game.send(("bob", b"100"), ("bob", b"50"), ("bob", b"100"))

    assert rows(game) == [("bob", "100"), ("ann", "40")]
    assert [seen.value for seen in game.read("high_scores") if seen.key == b"bob"] == [b"100"]


@pytest.mark.usefixtures("flows")
def test_of_six_that_tie_the_five_earliest_stand_in_order(game):
    for time, user in enumerate("fedcba", 1_000):
        game.send((user, b"7"), timestamp=time)

    assert [user for user, _ in rows(game)] == ["f", "e", "d", "c", "b"]


@pytest.mark.usefixtures("flows")
def test_an_empty_table_gives_an_empty_board(game):
    assert rows(game) == []


def test_a_user_who_is_removed_while_top5_is_down_leaves_a_board_that_was_not_full(names, game):
    with running(names):
        game.send(("ann", b"9"), ("bob", b"5"))
        first = rows(game)
    with contextlib.closing(Flow("highscores", names)):
        game.send(("ann", None))
        until_true(lambda: game.lag() == 0, 30)
    with running(names):
        second = rows(game)

    assert (first, second) == ([("ann", "9"), ("bob", "5")], [("bob", "5")])
    oracle.check(game.read)


@pytest.mark.usefixtures("flows")
def test_a_tombstone_takes_the_leader_away_and_the_sixth_enters(game):
    game.send(*[(user, b"%d" % score) for score, user in enumerate("fedcba", 1)])
    first = rows(game)
    game.send(("a", None), ("nobody", None))
    second = rows(game)
    game.send(("a", b"2"))
    third = rows(game)

    assert first == [("a", "6"), ("b", "5"), ("c", "4"), ("d", "3"), ("e", "2")]
    assert second == [("b", "5"), ("c", "4"), ("d", "3"), ("e", "2"), ("f", "1")]
    assert third == [("b", "5"), ("c", "4"), ("d", "3"), ("e", "2"), ("a", "2")]
    oracle.check(game.read)


@pytest.mark.usefixtures("flows")
def test_each_bad_message_is_kept_with_its_reason_and_origin(game):
    game.send(("ann", b"1"), timestamp=5_000)
    game.send(*[("ann", value) for value in BAD], timestamp=6_000)
    game.send((None, b"3"), ("", b"4"), (b"\xff", b"5"), ("z" * 4_097, b"6"), ("ann", b"2"))
    board = rows(game)
    kept = game.read("rejected")
    reasons = {(seen.value, seen.headers["reason"].decode()) for seen in kept}
    (first,) = [seen for seen in kept if seen.value == BAD[0]]

    assert board == [("ann", "2")]
    assert len(kept) == len(BAD) + 4
    assert {(b"3", "no user"), (b"4", "no user"), (b"5", "user not UTF-8")} <= reasons
    assert {(b"6", "user too long"), (b"9223372036854775808", "score beyond int64")} <= reasons
    assert first.headers["topic"].decode() == game.name("scores")
    assert first.headers["timestamp"] == b"6000"
    oracle.check(game.read)


def test_one_empty_value_alone_stops_nothing(names, game):
    with running(names):
        game.send(("ann", b""))
        game.drain()
        game.send(("ann", b"3"))

        assert rows(game) == [("ann", "3")]
    oracle.check(game.read)


@pytest.mark.parametrize("form", ["int32", "int64"])
def test_integers_as_java_writes_them_are_counted(names, monkeypatch, form):
    given = {**names, "LEADERBOARD_TOPICS__SCORES__FORMAT": form}
    game = open_game(given, monkeypatch)
    code = {"int32": ">i", "int64": ">q"}[form]
    game.send(*[("ann", struct.pack(code, score)) for score in (3, -5, 70_000)])
    game.send(("bob", struct.pack(code, -1)), ("bob", b"12"), ("bob", None))
    game.send(("bob", struct.pack(code, -9)))
    with running(given):
        game.drain()

        assert rows(game) == [("ann", "70000"), ("bob", "-9")]
    oracle.check(game.read, form)


def test_recreated_scores_are_read_from_their_beginning(names, game):
    game.send(*[("ann", b"%d" % score) for score in range(10, 20)])
    with running(names):
        game.drain()
    admin = AdminClient(clients.client(game.settings))
    admin.delete_topics([game.name("scores")])[game.name("scores")].result(60)
    until_true(lambda: game.name("scores") not in admin.list_topics(timeout=5).topics)
    await_topics(game.settings, ["scores"])
    game.send(("ann", b"15"), ("ann", b"30"), ("bob", b"1"))
    with running(names):
        until_true(lambda: len(game.read("high_scores")) == 12, 30)

        assert rows(game) == [("ann", "30"), ("bob", "1")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_broker_is_there_ends_a_flow_at_once(names, number):
    nowhere = {**names, "LEADERBOARD_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    flow = Flow("top5", nowhere)
    try:
        until_true(lambda: "waiting for the broker" in flow.said(), 15)

        assert flow.stop(number) == [0]
    finally:
        flow.close()


def test_a_table_that_forgets_is_refused_with_the_command_that_fixes_it(names, game):
    admin = AdminClient(clients.client(game.settings))
    admin.delete_topics([game.name("top_5")])[game.name("top_5")].result(60)
    until_true(lambda: game.name("top_5") not in admin.list_topics(timeout=5).topics)
    wrong = NewTopic(game.name("top_5"), 1, 1, config={"cleanup.policy": "compact,delete"})
    admin.create_topics([wrong])[game.name("top_5")].result(60)
    flow = Flow("top5", names)
    try:
        statuses = flow.wait(20)

        assert statuses == [1]
        assert "--add-config cleanup.policy=compact" in flow.said()
        assert "Traceback" not in flow.said()
    finally:
        flow.close()

"""Other programs use our group or write to our table: it is seen, named, and costs nothing."""

import contextlib

import pytest
from confluent_kafka import Consumer, TopicPartition

from conf import clients
from dataflows.kafka.partitioner import partition_of
from tests.support import oracle
from tests.support.load import some
from tests.support.processes import Flow, open_game, running
from tests.support.until import until_true

FOREIGN = "another program has moved the position of group"


@contextlib.contextmanager
def member(game):
    """Join the group of the flow, as a program would that was given its id by mistake."""
    ours = {"auto.offset.reset": "earliest", "client.id": "intruder", "enable.partition.eof": True}
    consumer = Consumer({**clients.consumer(game.settings), **ours})
    consumer.subscribe([game.name("scores")])
    try:
        until_true(lambda: consumer.poll(0.1), 30)
        yield consumer
    finally:
        consumer.close()


def test_a_position_that_another_program_moved_is_not_trusted(names, game):
    game.send(*some(1, 200))
    with running(names):
        game.drain()
    game.send(*some(2, 200))
    with member(game) as consumer:
        ends = [end for _, end in game.bounds("scores")]
        at = [TopicPartition(game.name("scores"), each, end) for each, end in enumerate(ends)]
        consumer.commit(offsets=at, asynchronous=False)
    assert game.lag() == 0
    with contextlib.closing(Flow("highscores", names)) as flow:
        until_true(lambda: flow.restored() == 8 and FOREIGN in flow.said(), 30)
    with running(names):
        game.drain()

    oracle.check(game.read)


def test_a_member_that_is_not_ours_is_named_in_one_line_while_it_is_there(names, game):
    with running(names) as (highscores, _):
        until_true(lambda: highscores.restored() == 8, 30)
        with member(game):
            seeds = iter(range(1, 1_000))
            until_true(
                lambda: game.send(*some(next(seeds), 10)) or "intruder" in highscores.said(), 30
            )
        game.drain()
        said = highscores.said()

    assert said.count("positions not committed") == 1
    assert f"is a member of group {game.settings.group} (intruder at " in said
    oracle.check(game.read)


def test_a_key_of_another_partition_is_reported_and_hides_nobody(names, game):
    home = partition_of(b"ann", 8)
    good = [user for user in (f"user{each}" for each in range(3_000)) if _home(user) != home]
    game.send(*[(user, b"10") for user in good[:400]], to="high_scores")
    game.send(("ann", b"1000"), to="high_scores", partition=(home + 1) % 8)
    game.send(*[(user, b"10") for user in good[400:]], to="high_scores")
    with running(names) as flows:
        game.send(("ann", b"500"), ("ann", b"800"))
        until_true(lambda: leaders(game)[:1] == [("ann", "800")], 30)
        shown = leaders(game)
        game.send(("ann", None))
        until_true(lambda: "ann" not in dict(leaders(game)), 30)
        # The shard of ann may count before the partition of the wrong key has been read.
        place = f"{game.name('high_scores')}[{(home + 1) % 8}]@"
        until_true(lambda: all(place in flow.said() for flow in flows), 30)
        said = [flow.said() for flow in flows]

    assert [user for user, _ in shown].count("ann") == 1
    for each in said:
        assert "the key b'ann' is not a user of this partition" in each


def _home(user):
    return partition_of(user.encode(), 8)


def leaders(game):
    boards = game.read("top_5")
    rows = oracle.shown(boards[-1].value or b"")["rows"] if boards else []
    return [(row["user"], row["score"]) for row in rows]


@pytest.mark.parametrize("key", [b"", b"\xff\xfe"], ids=["empty", "not UTF-8"])
def test_a_key_that_is_no_user_is_reported_and_stops_nothing(names, game, key):
    game.send(*some(1, 300))
    with running(names):
        game.drain()
    game.send((key, b"9999999999"), to="high_scores", partition=0)
    with running(names) as flows:
        game.send(*some(2, 300))
        until_true(lambda: game.lag() == 0, 30)
        until_true(lambda: all(f"the key {key!r} is not a user" in each.said() for each in flows))
        right = oracle.board(oracle.table(oracle.improvements(game.read("scores"))))
        until_true(lambda: oracle.shown(game.read("top_5")[-1].value or b"") == right)
        statuses = [flow.stop() for flow in flows]

    assert statuses == [[0], [0]]


def test_an_origin_that_cannot_be_read_is_reported_and_loses_nothing(names, game):
    game.send(*some(1, 300))
    with running(names):
        game.drain()
    home = partition_of(b"ann", 8)
    bad = {"origin": b"elsewhere"}
    game.send(("ann", b"5"), to="high_scores", partition=home, headers=bad)
    with running(names) as (highscores, _):
        game.send(*some(2, 300), ("ann", b"7"))
        until_true(lambda: game.lag() == 0, 30)
        said = highscores.said()
    bests = oracle.standings(game.read("high_scores"))

    assert "the header `origin` of b'ann' cannot be read" in said
    assert bests == oracle.table(oracle.improvements(game.read("scores")))


@pytest.mark.parametrize("earlier", [(), (b"700", None)], ids=["first", "after a removal"])
def test_a_best_that_went_down_without_a_tombstone_is_written_again(names, game, earlier):
    """With the time of the first score that reached it since the user's last removal."""
    game.send(*some(1, 300, tombstones=0))
    for time_ms, value in enumerate((*earlier, b"700"), 1_000):
        game.send(("ann", value), timestamp=time_ms)
    with running(names):
        game.drain()
    before = oracle.standings(game.read("high_scores"))
    game.send(("ann", b"5"), to="high_scores", partition=partition_of(b"ann", 8))
    with running(names) as (highscores, _):
        until_true(lambda: oracle.standings(game.read("high_scores")) == before, 30)
        said = highscores.said()

    assert "the bests of 1 users went down without a tombstone, that of b'ann' among them" in said


def test_a_tombstone_in_another_partition_removes_its_user_in_a_rebuild_too(
    names, game, monkeypatch
):
    home = partition_of(b"ann", 8)
    game.send(("ann", b"900"), ("bob", b"10"), timestamp=1_000)
    game.send(("ann", None), timestamp=2_000, partition=(home + 1) % 8)
    game.send(("bob", b"20"), timestamp=3_000)
    users = []
    for rebuild in range(3):
        table = f"{names['LEADERBOARD_TOPICS__HIGH_SCORES__NAME']}-{rebuild}"
        given = {**names, "LEADERBOARD_TOPICS__HIGH_SCORES__NAME": table}
        with contextlib.closing(open_game(given, monkeypatch)) as rebuilt:
            with contextlib.closing(Flow("highscores", given)) as flow:
                until_true(lambda: flow.restored() == 8 and rebuilt.lag() == 0, 30)
                flow.stop()
            users.append(set(oracle.standings(rebuilt.read("high_scores"))))

    assert users == [{b"bob"}] * 3


def test_a_cluster_counts_what_comes_after_a_tombstone_of_another_partition(names, game):
    """The process that reads the scores does not read the tombstone, or does not have the shard."""
    users = [f"user{number}" for number in range(32)]

    def send(value, shift):
        for user in users:
            game.send((user, value), partition=(_home(user) + shift) % 8)
        until_true(lambda: game.lag() == 0, 30)
        return oracle.standings(game.read("high_scores"))

    with running(names, processes=2):
        bests = [send(value, shift) for value, shift in [(b"9", 1), (None, 0), (b"5", 1)]]

    assert [len(each) for each in bests] == [32, 0, 32]

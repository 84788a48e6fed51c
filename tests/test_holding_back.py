"""top5 says nothing before it has read the whole table."""

import contextlib
import itertools
import json

from confluent_kafka import Producer

from conf.settings import Top5
from dataflows.leaderboard import Board, Place, Top
from dataflows.messages import POSITIONS, encode_board, encode_positions
from dataflows.partitioner import partition_of
from dataflows.standings import BoardLogic, ShardTop
from dataflows.topics import await_topics
from tests.flows import Flow, open_game
from tests.until import until_true

USERS = 25_000
ONE = {f"LEADERBOARD_TOPICS__{kind}__PARTITIONS": "1" for kind in ("SCORES", "HIGH_SCORES")}
TWO = {f"LEADERBOARD_TOPICS__{kind}__PARTITIONS": "2" for kind in ("SCORES", "HIGH_SCORES")}


def test_there_is_no_board_before_the_last_shard_is_level():
    logic = BoardLogic(Top5(size=5, updates_per_second=0))
    one = ShardTop(0, 2, 7, Top([Place(-1, b"ann")], 1, []))
    other = ShardTop(1, 2, 9, Top([], 0, []))
    early = logic.on_batch([one])[0], logic.on_notify()[0], logic.on_eof()[0]
    is_due = logic.notify_at()
    (news,), _ = logic.on_batch([other])

    assert early == ([], [], [])
    assert is_due is None
    assert (news.board.players, news.positions) == (1, (7, 9))


def test_a_board_held_back_comes_when_top5_has_read_as_far_as_the_last_one(names, monkeypatch):
    """Another top5 had seen more of the table; what it saw changes no row, and no player is new."""
    names = {**names, **ONE, "LEADERBOARD_GUARANTEE": "exactly_once"}
    users = [
        (f"user{each}", b"%d" % score)
        for each, score in enumerate([0, 10**6, 10**7, 10**8, 10**9, 10**10])
    ]
    better = itertools.count(1)
    game = open_game(names, monkeypatch)
    with contextlib.closing(game), contextlib.closing(Flow("highscores", names)):
        game.send(*users)
        until_true(lambda: game.lag() == 0, 30)
        _publish(game, Board("all-time", 0, 1, ()), game.end("high_scores") + 5)  # marks may follow
        with contextlib.closing(Flow("top5", names)) as top5:
            until_true(lambda: "board not published" in top5.said(), 30)
            before = game.end("top_5")
            until_true(lambda: _play(game, next(better)) and game.end("top_5") > before, 30)
            (*_, last) = game.read("top_5")

    rows = json.loads(last.value or b"")["rows"]
    assert before == 1
    assert [row["user"] for row in rows] == ["user5", "user4", "user3", "user2", "user1"]


def _play(game, score):
    game.send(("user0", b"%d" % score))
    return True


def _publish(game, board, position):
    """Write a board that has seen so much of the one partition of the table."""
    table = await_topics(game.settings, ["high_scores"])["high_scores"]
    producer = Producer({"bootstrap.servers": game.settings.bootstrap_servers})
    header = (POSITIONS, encode_positions(table.id, [position]))
    producer.produce(game.name("top_5"), encode_board(board), "all-time", headers=[header])
    assert producer.flush(30) == 0


def test_the_first_board_from_a_long_table_has_all_its_players(names, monkeypatch):
    """One partition has a user and is level at once, the other has all the others."""
    names = {**names, **TWO}
    users = [user for user in (f"user{each}" for each in range(2 * USERS)) if _shard(user) == 1]
    lonely = next(user for user in (f"lonely{each}" for each in range(99)) if _shard(user) == 0)
    with contextlib.closing(open_game(names, monkeypatch)) as game:
        game.send(*[(user, b"1") for user in [lonely, *users]])
        with contextlib.closing(Flow("highscores", names)):
            until_true(lambda: game.lag() == 0, 30)
        with contextlib.closing(Flow("top5", names)):
            until_true(lambda: game.end("top_5") > 0, 30)
            (board, *_) = game.read("top_5")

    assert len(users) > USERS * 0.9
    assert json.loads(board.value or b"")["players"] == len(users) + 1


def _shard(user):
    return partition_of(user.encode(), 2)

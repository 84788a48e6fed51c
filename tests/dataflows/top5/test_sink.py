"""top5 says nothing before it has read the whole table."""

import contextlib
import json
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Message

from conf.settings import Top5
from dataflows import boards
from dataflows.leaderboard import Board, Place, Top
from dataflows.messages import POSITIONS, encode_board, encode_positions
from dataflows.partitioner import partition_of
from dataflows.standings import BoardLogic, ShardTop, Standings
from dataflows.tables import Tail
from tests.support.processes import Flow, open_game
from tests.support.until import until_true

USERS = 25_000
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


@pytest.mark.parametrize(
    ("table_id", "expected"),
    [("this", [[], ["54321"]]), ("deleted", [["54321"], ["54321"]])],
    ids=["of this table", "of one that was deleted"],
)
def test_a_board_held_back_comes_when_top5_has_read_as_far_as_the_last_one(table_id, expected):
    """Another top5 had seen more of the table; what it saw changes no row, and no player is new."""
    written: list[str] = []
    sink = _sink("this", lambda board: written.append("".join(row.user for row in board.rows)))
    sink._note(_board(7, table_id, (9,)))  # noqa: SLF001 - restored, without Kafka
    standings, logic = Standings(5, "json"), BoardLogic(Top5(size=5, updates_per_second=0))

    def read(tail):
        for _, top in standings(tail):
            sink.write_batch(logic.on_batch([top])[0])
            sink.write_batch(logic.on_eof()[0])
        return list(written)

    steps = [
        read(Tail(0, 1, [_best(each, each, each) for each in range(6)], 6)),
        read(Tail(0, 1, [_best(9, 0, 0)], None)),
    ]

    assert steps == expected


def _sink(table_id, write):
    """Give the sink without Kafka, for a table of that id; `write` is given its boards."""
    sink: Any = boards.LastBoards.__new__(boards.LastBoards)
    topic = SimpleNamespace(name="high-scores", id=table_id)
    vars(sink).update(
        _broker=SimpleNamespace(
            settings=SimpleNamespace(guarantee="exactly_once"), topic=lambda _kind: topic
        ),
        _topic=SimpleNamespace(name="top-5"),
        _table_id=table_id,
        _writer=SimpleNamespace(send=lambda: None),
        _write=lambda board, _positions: write(board),
        _last={},
        _seen=(),
    )
    return sink


def _board(offset, table_id, positions):
    """Give a message of `top-5`: an empty board that has seen that much of a table."""
    headers: Any = [(POSITIONS, encode_positions(table_id, positions))]
    value = encode_board(Board("all-time", 0, 1, ()))
    return Message("top-5", 0, offset, b"all-time", value, headers)


def _best(offset, user, score):
    moment = (1, 1_000)
    return Message("high-scores", 0, offset, b"%d" % user, b"%d" % score, timestamp=moment)


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

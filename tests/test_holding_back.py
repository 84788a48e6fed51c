"""top5 says nothing before it has read the whole table."""

import contextlib
import json

from conf.settings import Top5
from dataflows.leaderboard import Place, Top
from dataflows.messages import partition_of
from dataflows.standings import BoardLogic, ShardTop
from tests.flows import Flow, open_game
from tests.until import until_true

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

"""top5 says nothing before it has read the whole table."""

import contextlib
import json

from tests.flows import Flow, open_game
from tests.until import until_true

USERS = 25_000
TWO = {f"LEADERBOARD_TOPICS__{kind}__PARTITIONS": "2" for kind in ("SCORES", "HIGH_SCORES")}


def test_the_first_board_from_a_long_table_has_all_its_players(names, monkeypatch):
    names = {**names, **TWO}
    with contextlib.closing(open_game(names, monkeypatch)) as game:
        game.send(*[(f"user{each}", b"%d" % each) for each in range(USERS)])
        with contextlib.closing(Flow("highscores", names)):
            until_true(lambda: game.lag() == 0, 30)
        with contextlib.closing(Flow("top5", names)):
            until_true(lambda: game.end("top_5") > 0, 30)
            (board, *_) = game.read("top_5")

    assert json.loads(board.value or b"")["players"] == USERS

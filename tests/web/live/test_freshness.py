"""Whether the board is the newest, by the problems of the topic readers."""

import json

from web.live.freshness import Status, encode, judge


def test_without_problems_nothing_is_stale():
    assert json.loads(encode(judge("", 7, [""]))) == {"stale_since": None, "problems": []}


def test_the_board_is_stale_since_its_broker_answered_last():
    assert judge("away", 7, ["away too"]) == Status(7, ("away", "away too"))


def test_a_problem_of_the_scores_alone_does_not_make_the_board_stale():
    assert judge("", 7, ["away"]) == Status(None, ("away",))

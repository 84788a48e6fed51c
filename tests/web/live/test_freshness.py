"""Whether the board is the newest, by the problems of the topic readers."""

import json

from web.live.freshness import Status, encode, judge


def test_without_problems_nothing_is_stale():
    assert json.loads(encode(judge([], ["", ""]))) == {"stale_since": None, "problems": []}


def test_the_board_may_be_outdated_since_the_first_silent_broker_answered_last():
    assert judge([9, 7], ["away", "", "away too"]) == Status(7, ("away", "away too"))


def test_a_problem_without_a_silent_broker_does_not_make_the_board_stale():
    assert judge([], ["not counted"]) == Status(None, ("not counted",))

"""Whether the board is the newest, by the problems of the topic readers."""

import json

from web.live.freshness import LAG_SECONDS, BoardLag, Status, encode, judge


def test_without_problems_nothing_is_stale():
    assert json.loads(encode(judge([], ["", ""]))) == {"stale_since": None, "problems": []}


def test_the_board_may_be_outdated_since_the_first_silent_broker_answered_last():
    assert judge([9, 7], ["away", "", "away too"]) == Status(7, ("away", "away too"))


def test_a_problem_without_a_silent_broker_does_not_make_the_board_stale():
    assert judge([], ["not counted"]) == Status(None, ("not counted",))


def lag_after(*seen, pause=0):
    """Return whether it is a problem, and since when.

    Each of `seen` is an event id, whether that board is right, and the time.
    """
    lag = BoardLag(pause)
    for event_id, is_same, now in seen:
        lag.update(event_id, is_same=is_same, now=now, now_ms=1_000 * now)
    return bool(lag.problem()), lag.since_ms


def test_a_board_that_is_not_that_of_the_bests_for_long_is_a_problem_since_it_was_seen():
    late = 10 + LAG_SECONDS

    assert lag_after(("a", True, 0), ("a", False, 10), ("a", False, late)) == (False, 10_000)
    assert lag_after(("a", True, 0), ("a", False, 10), ("a", False, late + 1)) == (True, 10_000)


def test_a_board_has_15_seconds_more_than_the_pause_of_top5():
    seen = ("a", False, 0), ("a", False, LAG_SECONDS + 20)

    assert [lag_after(*seen, pause=pause)[0] for pause in (19, 20)] == [True, False]


def test_a_board_that_came_meanwhile_or_is_right_is_no_problem():
    late = 11 + LAG_SECONDS

    assert not lag_after(("a", False, 10), ("b", False, 11), ("b", False, late))[0]
    assert not lag_after(("a", False, 10), ("a", True, 11), ("a", False, late))[0]
    assert not lag_after(("a", False, 10), ("a", True, late))[0]

"""Whether the board is the newest, by what the relays say."""

import json

from web.live.freshness import encode, status


class TopicReader:
    """A relay that says what it is told to."""

    def __init__(self, problem="", seen_ms=0):
        self._problem, self._seen_ms = problem, seen_ms

    def problem(self):
        return self._problem

    def seen_ms(self):
        return self._seen_ms


def test_when_all_is_well_nothing_is_stale():
    assert json.loads(encode(status(TopicReader(seen_ms=7), [TopicReader()], 1))) == {
        "stale_since": None,
        "problems": [],
    }


def test_the_board_is_stale_since_its_broker_answered_last():
    judged = status(TopicReader("away", seen_ms=7), [TopicReader("away too", seen_ms=9)], 1)

    assert (judged.stale_since, judged.problems) == (7, ("away", "away too"))


def test_the_board_of_a_broker_that_never_answered_is_stale_since_the_start():
    assert status(TopicReader("away"), [], 1).stale_since == 1


def test_what_is_wrong_with_the_scores_alone_does_not_make_the_board_stale():
    judged = status(TopicReader(seen_ms=7), [TopicReader("away", seen_ms=7)], 1)

    assert (judged.stale_since, judged.problems) == (None, ("away",))

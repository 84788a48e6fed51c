"""How the leaders came about, in bounds."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dataflows.leaderboard import Board, Row
from web.live.history import APART_MS, BYTES, MOMENTS, ROWS, SPAN_MS, Story


def board(*scores, user="ann"):
    rows = [Row(rank, f"{user}{rank}", score, 5) for rank, score in enumerate(scores, 1)]
    return Board("all-time", 9, 5, tuple(rows))


def told(story):
    return json.loads(story.document())["boards"]


def test_it_tells_the_leaders_and_their_scores_exactly_oldest_first():
    story = Story()
    story.add(board(2**63 - 1, -3), 1_000)
    story.add(board(*range(9, 0, -1)), 4_000)

    first, second = told(story)
    assert first == {
        "time": 1_000,
        "rows": [{"user": "ann1", "score": str(2**63 - 1)}, {"user": "ann2", "score": "-3"}],
    }
    assert second["time"] == 4_000
    assert len(second["rows"]) == ROWS


def test_a_board_with_the_same_leaders_is_no_news():
    story = Story()
    story.add(board(7), 1_000)

    assert not story.add(board(7)._replace(players=10), 60_000)
    assert len(told(story)) == 1


def test_of_what_changes_fast_the_newest_is_kept():
    story = Story()
    for score, time in enumerate(range(0, 5_000, 100)):
        story.add(board(score), time)

    assert [(each["time"], each["rows"][0]["score"]) for each in told(story)] == [
        (0, "19"),
        (2_000, "39"),
        (4_000, "49"),
    ]


def test_of_ten_busy_minutes_all_parts_are_told():
    story = Story()
    for score, time in enumerate(range(0, 2 * SPAN_MS, APART_MS)):
        story.add(board(score), time)

    times = [each["time"] for each in told(story)]
    gaps = [later - time for time, later in pairwise(times)]
    assert len(times) == MOMENTS
    assert times[-1] - times[0] > SPAN_MS - 10_000
    assert max(gaps) < 20_000


def test_before_the_first_board_it_is_empty():
    assert told(Story()) == []


changes = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 90_000)), max_size=300)


@given(changes, st.integers(1, 4_000))
def test_it_stays_in_its_bounds_and_ends_with_the_newest(changes, name_bytes):
    story, now = Story(), 0
    for score, pause in changes:
        now += pause
        story.add(board(score, user="x" * name_bytes), now)

    times = [each["time"] for each in told(story)]
    assert len(times) <= MOMENTS
    assert len(times) <= 1 or len(story.document()) <= BYTES + MOMENTS + 20
    assert not times or times[-1] - times[0] <= SPAN_MS
    assert all(later - time >= APART_MS for time, later in pairwise(times))
    assert not changes or told(story)[-1]["rows"][0]["score"] == str(changes[-1][0])

"""The leaders of the last ten minutes, in bounds."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dataflows.leaderboard import Board, Row
from web.live import sized
from web.live.history import APART_MS, BOARDS, ROWS, SPAN_MS, History


def board(*scores, user="ann"):
    rows = [Row(rank, f"{user}{rank}", score, 5) for rank, score in enumerate(scores, 1)]
    return Board("all-time", 9, 5, tuple(rows))


def boards(history):
    return json.loads(history.document())["boards"]


def test_it_has_the_leaders_and_their_exact_scores_oldest_first():
    history = History()
    history.add(board(2**63 - 1, -3), 1_000)
    history.add(board(*range(9, 0, -1)), 4_000)

    first, second = boards(history)
    assert first == {
        "time": 1_000,
        "rows": [{"user": "ann1", "score": str(2**63 - 1)}, {"user": "ann2", "score": "-3"}],
    }
    assert second["time"] == 4_000
    assert len(second["rows"]) == ROWS


def test_a_board_with_the_same_leaders_is_skipped():
    history = History()
    history.add(board(7), 1_000)
    history.add(board(7)._replace(players=10), 60_000)

    assert len(boards(history)) == 1


def test_of_boards_that_change_fast_the_newest_is_kept():
    history = History()
    for score, time in enumerate(range(0, 5_000, 100)):
        history.add(board(score), time)

    assert [(each["time"], each["rows"][0]["score"]) for each in boards(history)] == [
        (0, "19"),
        (2_000, "39"),
        (4_000, "49"),
    ]


def test_boards_of_ten_busy_minutes_are_thinned_out_evenly():
    history = History()
    for score, time in enumerate(range(0, 2 * SPAN_MS, APART_MS)):
        history.add(board(score), time)

    times = [each["time"] for each in boards(history)]
    gaps = [later - time for time, later in pairwise(times)]
    assert len(times) == BOARDS
    assert times[-1] - times[0] > SPAN_MS - 10_000
    assert max(gaps) < 20_000


def test_before_the_first_board_it_is_empty():
    assert boards(History()) == []


changes = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 90_000)), max_size=300)


@given(changes, st.integers(1, 4_000))
def test_it_stays_in_its_bounds_and_ends_with_the_newest(changes, name_bytes):
    history, now = History(), 0
    for score, pause in changes:
        now += pause
        history.add(board(score, user="x" * name_bytes), now)

    times = [each["time"] for each in boards(history)]
    assert len(times) <= BOARDS
    assert len(times) <= 1 or len(history.document()) <= sized.BYTES
    assert not times or times[-1] - times[0] <= SPAN_MS
    assert all(later - time >= APART_MS for time, later in pairwise(times))
    assert not changes or boards(history)[-1]["rows"][0]["score"] == str(changes[-1][0])

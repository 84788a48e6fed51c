"""Rank keys hold a score and a time exactly, and sort as a board does."""

from hypothesis import given
from hypothesis import strategies as st

from dataflows.leaderboard import HIGHEST, LOWEST, Row, rank_keys, row

users = st.sampled_from([b"a", b"b", b"c", b"\xc3\xa9", b"z" * 20])


@given(st.integers(LOWEST, HIGHEST), st.integers(1, HIGHEST))
def test_a_rank_key_holds_score_and_time_exactly(score, time):
    (key,) = rank_keys([score], [time])

    assert key is not None
    assert row(1, key, b"ann") == Row(1, "ann", score, time)


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(1, 3), users), max_size=20))
def test_rank_keys_sort_as_boards_do(entries):
    keys = [(rank_keys([score], [time])[0] or 0, user) for score, time, user in entries]
    order = sorted((-score, time, user) for score, time, user in entries)

    assert [row(1, *each)[1:] for each in sorted(keys)] == [
        (user.decode(), -negated, time) for negated, time, user in order
    ]

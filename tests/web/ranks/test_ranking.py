"""The users of a period in order: every rank is that of a sorted list."""

from hypothesis import given
from hypothesis import strategies as st

from dataflows.leaderboard import rank_keys, row
from web.ranks.ranking import Ranking

USERS = st.sampled_from([b"ann", b"bob", b"cy", b"di", "ед".encode(), "🎲".encode()])
KEYS = st.none() | st.builds(
    lambda score, time: rank_keys([score], [time])[0], st.integers(-2, 2), st.integers(1, 3)
)
CHANGES = st.lists(st.tuples(USERS, KEYS))


def run(steps):
    for _ in steps:
        pass


def made(loaded, later=()):
    ranking = Ranking()
    for change in loaded:
        ranking.load(*change)
    run(ranking.build())
    for change in later:
        ranking.put(*change)
    return ranking


@given(CHANGES, CHANGES)
def test_ranks_and_rows_are_those_of_a_sorted_list_whatever_was_loaded_or_came_later(loaded, later):
    table = {user: key for user, key in dict([*loaded, *later]).items() if key is not None}
    order = sorted((key, user) for user, key in table.items())
    rows = [row(rank, *pair) for rank, pair in enumerate(order, 1)]
    ranking = made(loaded, later)

    assert len(ranking) == len(rows)
    assert ranking.rows(1, 9) == rows
    assert ranking.rows(3, 2) == rows[2:4]
    assert [ranking.find(user) for _, user in order] == rows
    assert ranking.find(b"nobody") is None


def test_the_neighbours_of_the_first_and_the_last_are_fewer():
    ranking = made([(b"%d" % score, rank_keys([score], [1])[0]) for score in range(9)])

    assert [each.rank for each in ranking.around(1, 2)] == [1, 2, 3]
    assert [each.rank for each in ranking.around(5, 2)] == [3, 4, 5, 6, 7]
    assert [each.rank for each in ranking.around(9, 2)] == [7, 8, 9]
    assert [each.rank for each in ranking.around(5, 0)] == [5]


def test_where_the_lowest_is_best_scores_are_shown_as_they_were_sent():
    ranking = Ranking(sign=-1)
    ranking.put(b"ann", rank_keys([-120], [5])[0])

    assert ranking.rows(1, 1) == [(1, "ann", 120, 5)]


def test_to_build_and_to_clear_a_large_table_takes_many_short_steps():
    ranking = Ranking()
    for number in range(20_000):
        ranking.load(b"%d" % number, -number)

    assert sum(1 for _ in ranking.build()) > 20_000 / 1_000
    assert len(ranking) == 20_000
    assert sum(1 for _ in ranking.clear()) > 20_000 / 1_000
    assert len(ranking) == 0
    assert ranking.find(b"7") is None

"""The last scores of all partitions."""

import json

from hypothesis import given
from hypothesis import strategies as st

from web.live.recent import RecentScores, Removal, Score, encode

NOW = 1_000_000

scores = st.builds(
    Score,
    time=st.integers(-5, NOW + 5),
    partition=st.integers(0, 3),
    offset=st.integers(0, 50),
    user=st.just("ann"),
    score=st.just(1),
)


def score(time, partition=0, offset=0, points=1):
    return Score(time, partition, offset, "ann", points)


def shown(recent):
    return list(recent.scores().values())


@given(st.lists(scores, unique_by=lambda it: it[1:3]), st.integers(1, 20))
def test_any_batches_give_the_newest_by_time_partition_and_offset(made, cut):
    recent = RecentScores()
    for start in range(0, len(made), cut):
        recent.add(made[start : start + cut], NOW)

    capped = [it._replace(time=max(1, min(it.time, NOW))) for it in made]
    assert shown(recent) == sorted(capped)[-10:]


def test_a_time_in_the_future_counts_as_now_and_does_not_stay_the_newest():
    recent = RecentScores()
    recent.add([score(NOW * 1000, offset=1)], NOW)
    recent.add([score(NOW + n, offset=n) for n in range(2, 12)], NOW + 12)

    assert [it.offset for it in shown(recent)] == list(range(2, 12))


def test_a_score_that_is_added_again_changes_nothing():
    recent = RecentScores()

    assert recent.add([score(5)], NOW)
    assert not recent.add([score(5)], NOW + 9)
    assert len(shown(recent)) == 1


def test_a_score_older_than_the_ten_changes_nothing():
    recent = RecentScores()
    recent.add([score(100 + n, offset=n) for n in range(10)], NOW)

    assert not recent.add([score(99, partition=1)], NOW)


def test_a_score_is_written_as_a_string_exact_to_the_last_digit():
    document = json.loads(encode(score(7, 3, 1042, -(2**63))))

    expected = {"user": "ann", "score": "-9223372036854775808"}
    assert document == {**expected, "time": 7, "partition": 3, "offset": 1042}


def test_scores_of_a_user_who_was_removed_after_them_are_forgotten_and_no_others():
    recent = RecentScores()
    recent.add([score(5, offset=1), score(6, offset=3), score(7, partition=1, offset=1)], NOW)

    assert recent.remove([Removal(0, 2, "ann"), Removal(0, 9, "bob")])
    assert [(it.partition, it.offset) for it in shown(recent)] == [(0, 3), (1, 1)]
    assert not recent.remove([Removal(0, 2, "ann")])
    assert [*recent.removals] == [Removal(0, 2, "ann")]


def test_the_last_ten_removals_are_kept():
    recent = RecentScores()
    for place in range(0, 24, 2):
        recent.add([score(5, offset=place)], NOW)
        recent.remove([Removal(0, place + 1, "ann")])

    assert [removal.offset for removal in recent.removals] == [*range(5, 24, 2)]

"""The stream time of a partition: what moves it, and what must not."""

from hypothesis import given
from hypothesis import strategies as st

from dataflows.stream_time import StreamTime

NOW = 1_764_072_000_000
FAR = 32_503_680_000_000  # the year 3000


def streams(*scores):
    """Advance by one score after another, and in one batch: both give the same."""
    one, other = StreamTime(), StreamTime()
    users, made = [user for user, _ in scores], [time for _, time in scores]
    found = [one.advance([user], [time])[0] for user, time in scores]

    assert list(other.advance(users, made)) == found
    assert one.encode() == other.encode()
    return found


def test_stream_time_is_the_greatest_time_so_far():
    assert streams((b"a", NOW), (b"b", NOW + 5), (b"a", NOW - 9), (b"c", NOW + 7)) == [
        NOW,
        NOW + 5,
        NOW + 5,
        NOW + 7,
    ]


def test_a_user_in_the_year_3000_closes_nothing_for_the_others():
    assert streams((b"a", NOW), (b"b", NOW), (b"a", FAR), (b"a", FAR + 1), (b"b", NOW + 1)) == [
        NOW,
        NOW,
        NOW,
        NOW,
        NOW + 1,
    ]


def test_the_first_user_of_a_partition_closes_nothing_for_the_others_either():
    assert streams((b"a", FAR), (b"b", NOW), (b"b", NOW + 1), (b"a", NOW), (b"c", NOW)) == [
        FAR,
        NOW,
        NOW + 1,
        FAR,
        NOW + 1,
    ]


def test_two_users_can_move_it_by_more_than_a_year():
    assert streams((b"a", NOW), (b"b", NOW), (b"a", FAR), (b"b", FAR - 1)) == [
        NOW,
        NOW,
        NOW,
        FAR - 1,
    ]


def test_a_tombstone_does_not_move_it():
    stream = StreamTime()

    assert list(stream.advance([b"a", b"b", b"a"], [NOW, 0, NOW - 1])) == [NOW] * 3
    assert list(stream.advance([b"b"], [0])) == [NOW]


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(1, FAR)), max_size=20))
def test_it_never_goes_back_for_a_user(scores):
    found = streams(*scores)
    for name in (b"a", b"b", b"c"):
        own = [time for (user, _), time in zip(scores, found, strict=True) if user == name]

        assert own == sorted(own)


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(1, FAR)), max_size=20))
def test_it_is_the_same_in_one_batch_and_after_a_restart(scores):
    streams(*scores)
    restarted = StreamTime()
    found: list[int] = []
    for user, time in scores:
        restarted = StreamTime(restarted.now, restarted.first, restarted.ahead)
        found += restarted.advance([user], [time])

    assert found == streams(*scores)


def test_a_message_without_a_user_has_a_stream_time_too():
    """It is refused later; here it must not end the flow."""
    assert StreamTime().advance([None, b"ann"], [5, 7]) == [5, 7]

"""How far partitions are read, and whether reading has stalled."""

import pytest

from web.kafka.progress import STALL_SECONDS, Arrivals, Progress, Stalled


def test_it_has_reached_what_was_read_and_nothing_more():
    progress = Progress({0: 5})
    for partition, next_offset in ((0, 8), (1, 1), (0, 7)):
        progress.advance(partition, next_offset)

    assert progress.has_reached({0: 8, 1: 1, 2: 0})
    assert not progress.has_reached({0: 9})
    assert not progress.has_reached({2: 1})


def test_what_is_skipped_by_a_jump_counts_as_read_and_a_jump_back_as_not_read():
    progress = Progress({0: 5, 1: 5})
    progress.jump({0: 90, 1: 3})
    progress.advance(0, 81)

    assert progress.next_offsets == {0: 90, 1: 3}


def test_reading_that_gets_nothing_though_there_is_more_has_stalled():
    progress = Progress({0: 5, 1: 0})
    progress.check({0: 6, 1: 0}, 1)
    progress.check({0: 8, 1: 0}, 1 + STALL_SECONDS)

    with pytest.raises(Stalled, match=r"\[0\]"):
        progress.check({0: 9, 1: 0}, 1.1 + STALL_SECONDS)


def test_a_partition_of_which_nothing_was_ever_read_has_stalled_too():
    progress = Progress({})
    progress.check({0: 0, 1: 5}, 1)

    with pytest.raises(Stalled, match=r"\[1\]"):
        progress.check({0: 0, 1: 5}, 1.1 + STALL_SECONDS)


def test_reading_that_lags_behind_but_goes_on_has_not_stalled():
    progress = Progress({0: 0})
    for second in range(200):
        progress.advance(0, second + 1)
        progress.check({0: second + STALL_SECONDS}, second)


def test_a_start_at_which_nothing_arrives_has_stalled_once_the_broker_has_answered_for_15_s():
    arrivals = Arrivals()
    for second in range(100):
        arrivals.check([], has_answered=second % 10 == 0)  # mostly it is away
    arrivals.check(["a message"], has_answered=True)
    for _ in range(STALL_SECONDS):
        arrivals.check([], has_answered=True)

    with pytest.raises(Stalled):
        arrivals.check([], has_answered=True)

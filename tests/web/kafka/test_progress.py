"""How far partitions are read, and whether reading has stalled."""

import math

import pytest

from web.kafka.progress import STALL_SECONDS, Arrivals, FlowProgress, Progress, Stalled


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


def flow_progress(*seen):
    """Return the problem after positions, ends and times."""
    progress = FlowProgress()
    for position, end, now in seen:
        progress.update({0: position}, {0: end}, now)
    return progress.problem(seen[-1][-1])


def test_a_flow_that_stands_still_while_scores_arrive_is_a_problem_after_15_seconds():
    assert not flow_progress((5, 5, 0), (5, 6, 5), (5, 7, 10), (5, 8, 20))
    assert flow_progress((5, 5, 0), (5, 6, 5), (5, 6, 21))


def test_a_flow_that_goes_on_is_no_problem_nor_is_one_for_which_nothing_arrives():
    assert not flow_progress((5, 5, 0), (5, 6, 5), (6, 7, 21), (6, 8, 30))
    assert not flow_progress((5, 6, 0), (5, 6, 60))  # the end of a transaction has an offset too


def test_what_is_not_counted_is_unknown_at_first_then_from_the_position_or_the_beginning_on():
    progress = FlowProgress()
    assert math.isnan(progress.uncounted)

    progress.update({0: 5, 1: -1001, 2: 3}, {0: 7, 1: 10, 2: 2}, 0)
    assert progress.uncounted == 12


def test_no_flow_at_all_is_a_problem_once_scores_have_arrived():
    assert not flow_progress((-1001, 0, 0), (-1001, 0, 60))
    assert flow_progress((-1001, 0, 0), (-1001, 1, 5), (-1001, 1, 21))

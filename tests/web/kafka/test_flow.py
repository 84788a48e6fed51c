"""Whether the flow counts the scores that arrive."""

import math

from web.kafka.flow import FlowProgress


def flow_progress(*seen):
    """Return the problem after positions, ends and times."""
    progress = FlowProgress()
    for position, end, now in seen:
        progress.update({0: position}, {0: end}, now)
    return progress.problem()


def test_a_flow_that_stands_still_while_scores_arrive_is_a_problem_after_15_seconds():
    assert not flow_progress((5, 5, 0), (5, 6, 5), (5, 7, 10), (5, 8, 15))
    assert flow_progress((5, 5, 0), (5, 6, 5), (5, 6, 10), (5, 6, 16))


def test_after_a_pause_without_scores_a_flow_has_15_seconds_from_the_first_on():
    assert not flow_progress((5, 5, 0), (5, 5, 60), (5, 6, 65), (5, 6, 75))
    assert flow_progress((5, 5, 0), (5, 5, 60), (5, 6, 65), (5, 6, 76))


def test_the_time_of_a_silent_broker_counts():
    assert flow_progress((5, 5, 0), (5, 900, 40))
    assert flow_progress((5, 5, 0), (899, 900, 40))  # it may have moved before the silence
    assert not flow_progress((5, 5, 0), (899, 900, 40), (905, 910, 45))
    assert not flow_progress((5, 5, 0), (900, 900, 40))


def test_one_partition_that_stands_still_is_a_problem_after_a_minute_while_others_go_on():
    progress, problems = FlowProgress(), []
    for now in range(0, 66, 5):
        progress.update({0: now, 1: 5}, {0: now + 1, 1: 5 + now}, now)
        problems.append(progress.problem())

    assert not any(problems[:-1])
    assert "for more than 60 s no flow was seen to count those of 1 of 2 partitions" in problems[-1]


def test_a_flow_that_goes_on_is_no_problem_nor_is_one_for_which_nothing_arrives():
    assert not flow_progress((5, 5, 0), (5, 6, 5), (6, 7, 15), (6, 8, 25))
    assert not flow_progress((5, 6, 0), (5, 6, 60))  # the end of a transaction has an offset too


def test_what_is_not_counted_is_unknown_at_first_then_from_the_position_or_the_beginning_on():
    progress = FlowProgress()
    assert math.isnan(progress.uncounted)

    progress.update({0: 5, 1: -1001, 2: 3}, {0: 7, 1: 10, 2: 2}, 0)
    assert progress.uncounted == 12


def test_no_flow_at_all_is_a_problem_once_scores_have_arrived():
    assert not flow_progress((-1001, 0, 0), (-1001, 0, 60))
    assert flow_progress((-1001, 0, 0), (-1001, 1, 5), (-1001, 1, 21))

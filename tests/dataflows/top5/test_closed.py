"""Which periods are closed: for every partition of `scores`, or nothing is final."""

import pytest

from dataflows.top5.closed import Counted, closed_until


@pytest.mark.parametrize(
    ("partitions", "until"),
    [
        ([], 0),
        ([Counted(50, is_all=False), Counted(70, is_all=False)], 50),
        ([Counted(50, is_all=True), Counted(70, is_all=False)], 70),
        ([Counted(50, is_all=True), Counted(70, is_all=True)], 70),
        ([Counted(0, is_all=False), Counted(70, is_all=True)], 0),
        ([Counted(0, is_all=True), Counted(0, is_all=True)], 0),
    ],
    ids=["none", "the slowest", "one at rest", "all at rest", "one not begun", "no scores"],
)
def test_a_partition_with_scores_to_count_holds_back_and_one_at_rest_does_not(partitions, until):
    assert closed_until(partitions) == until

"""How far partitions are read, and whether reading has come to a halt."""

import pytest

from web.kafka.progress import STUCK_SECONDS, Progress, Stuck


class Place:
    """A message, or the end of a partition."""

    def __init__(self, partition, offset, error=None):
        self._place = partition, offset, error

    def partition(self):
        return self._place[0]

    def offset(self):
        return self._place[1]

    def error(self):
        return self._place[2]


def test_it_has_reached_what_was_read_and_not_more():
    progress = Progress({0: 5})
    progress.took([Place(0, 7), Place(1, 0), Place(0, 6)])

    assert progress.reached({0: 8, 1: 1, 2: 0})
    assert not progress.reached({0: 9})
    assert not progress.reached({2: 1})


def test_the_end_of_a_partition_counts_where_markers_of_transactions_lie_before_it():
    progress = Progress({0: 5})
    progress.took([Place(0, 7, "end")])

    assert progress.reached({0: 7})
    assert not progress.reached({0: 8})


def test_what_is_given_up_at_a_jump_counts_as_read_and_a_step_back_as_not_read():
    progress = Progress({0: 5, 1: 5})
    progress.jumped({0: 90, 1: 3})
    progress.took([Place(0, 80)])

    assert progress.read_to == {0: 90, 1: 3}


def test_a_reader_that_gets_nothing_though_there_is_more_is_stuck():
    progress = Progress({0: 5, 1: 0})
    progress.check({0: 6, 1: 0}, 1)
    progress.check({0: 8, 1: 0}, 1 + STUCK_SECONDS)

    with pytest.raises(Stuck, match=r"\[0\]"):
        progress.check({0: 9, 1: 0}, 1.1 + STUCK_SECONDS)


def test_a_reader_that_lags_behind_but_reads_is_not_stuck():
    progress = Progress({0: 0})
    for second in range(200):
        progress.took([Place(0, second)])
        progress.check({0: second + STUCK_SECONDS}, second)

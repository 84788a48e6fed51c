"""A long restore or catch-up says how far it has come, and when it may be done."""

import logging
from types import SimpleNamespace

import pytest

from dataflows import progress
from dataflows.progress import Progress, ReadUpTo


@pytest.fixture
def clock(monkeypatch, caplog):
    """Return a clock that stands still until it is set."""
    caplog.set_level(logging.INFO)
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_what_takes_long_is_logged_every_ten_seconds_with_per_cent_and_seconds_left(clock, caplog):
    restoring = Progress("restoring")
    for partition in ("0", "1"):
        restoring.begin(partition)
    for done in (0.1, 0.2, 0.3, 0.4, 1):
        clock.now += 6
        restoring.note("0", done)
    restoring.note("1", 1)

    assert caplog.messages == [
        "restoring: 10 % of 2 partitions, about 108 s left",
        "restoring: 20 % of 2 partitions, about 96 s left",
    ]
    assert not restoring.problem()


def test_a_partition_is_read_once_it_has_reached_the_end_that_it_had_at_first(clock):
    catching_up = Progress("catching up")
    partition = ReadUpTo(catching_up, "3", 100)
    clock.now += 5
    problems = []
    for position, end in ((100, None), (150, 200), (180, 900), (200, 900)):
        partition.note(position, end)
        problems.append(catching_up.problem())

    assert problems == [
        "catching up: 0 % of 1 partitions",
        "catching up: 50 % of 1 partitions, about 5 s left",
        "catching up: 80 % of 1 partitions, about 1 s left",
        "",
    ]

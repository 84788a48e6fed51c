"""A flow that stands still is ended, one that waits for the broker is not; a clock may go back."""

import threading

import pytest

from dataflows import watchdog
from dataflows.context import HeldWriter
from dataflows.watchdog import Watchdog
from tests.support.until import until_true


@pytest.fixture
def exits(monkeypatch):
    """Let the ticks be short; return the statuses with which the process would have ended."""
    found: list[int] = []
    monkeypatch.setattr(watchdog, "TICK_SECONDS", 0.01)

    def exit_now(status):
        found.append(status)
        threading.Event().wait()  # for ever: the process has ended

    monkeypatch.setattr(watchdog, "exit_now", exit_now)
    return found


def begun(stall_seconds, others=""):
    """Return a watchdog of a flow whose first epoch has ended everywhere."""
    dog = Watchdog(stall_seconds, 60, others)
    for _ in range(2):
        dog.note_epoch("0")
    return dog


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ("", "a step stands still; restart the flow, nothing is lost"),
        ("b:1, c:1", "one of the other processes of the cluster (b:1, c:1) does not answer, or"),
    ],
)
def test_a_flow_whose_sources_are_not_asked_is_ended(exits, caplog, others, said):
    dog = begun(stall_seconds=0.1, others=others)
    dog.note_progress()
    until_true(lambda: exits == [1])

    assert f"no epoch has ended for 0.1 s: {said}" in caplog.text
    assert ("cluster" in caplog.text) == bool(others)


def test_while_another_process_restores_its_shards_a_flow_has_the_time_of_a_start(exits, caplog):
    dog = Watchdog(stall_seconds=0.1, startup_seconds=0.6)
    dog.note_progress()
    dog.note_epoch("0")  # here; the other one has not taken part in it yet
    threading.Event().wait(0.3)
    early, was_alive = list(exits), dog.is_alive()
    until_true(lambda: exits == [1])
    until_true(lambda: not dog.is_alive())

    assert (early, was_alive) == ([], True)
    assert "no epoch has ended for 0.6 s" in caplog.text


def test_a_flow_that_stands_still_for_a_while_is_logged_once_and_so_is_its_end(monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(watchdog, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(Watchdog, "_watch", lambda _: None)
    dog = begun(stall_seconds=60)
    dog.note_progress()
    dog.report_pause()
    threading.Event().wait(0.2)
    for _ in range(2):
        dog.report_pause()
    dog.note_progress()
    for _ in range(2):
        dog.report_pause()
    with dog.held():
        threading.Event().wait(0.2)
        dog.report_pause()

    assert caplog.messages == [
        "the flow has stood still for 0.1 s: a step stands still",
        "the flow goes on, after 0 s",
        "the flow has stood still for 0.1 s: it waits for Kafka",
    ]


def test_before_the_second_epoch_no_pause_is_logged(monkeypatch, caplog):
    monkeypatch.setattr(watchdog, "QUIET_SECONDS", 0)
    Watchdog(60, 60).report_pause()

    assert caplog.messages == []


class SlowWriter:
    """A writer whose broker fails over."""

    def write(self, _records):
        threading.Event().wait(0.3)

    def flush(self):
        threading.Event().wait(0.3)


def test_a_flow_whose_writers_wait_for_the_broker_goes_on(exits):
    dog = begun(stall_seconds=0.1)
    writer = HeldWriter(SlowWriter(), dog)
    dog.note_progress()
    writer.write([])
    writer.flush()
    held = list(exits)
    until_true(lambda: exits == [1])

    assert held == []


def test_a_flow_whose_sources_are_asked_goes_on_and_so_does_one_that_waits_for_the_broker(exits):
    dog = begun(stall_seconds=0.1)
    ticks = threading.Event()
    for _ in range(50):
        dog.note_progress()
        ticks.wait(0.01)
    with dog.held():
        ticks.wait(0.3)
        held = list(exits)
    until_true(lambda: exits == [1])

    assert held == []


def test_a_clock_that_was_set_back_is_reported_with_its_consequence(exits, monkeypatch, caplog):
    ahead = iter([100.0, 100.0, 40.0])
    monkeypatch.setattr(watchdog, "_wall_ahead", lambda: next(ahead, 40.0))
    begun(stall_seconds=0.2).note_progress()
    until_true(lambda: exits)

    assert caplog.text.count("the clock was set back by 60 s") == 1


def test_a_process_is_alive_until_no_epoch_has_ended_for_too_long_unless_it_waits_for_the_broker():
    dog = Watchdog(stall_seconds=0.5, startup_seconds=60)
    before = dog.is_alive()
    for _ in range(2):
        dog.note_epoch("0")
        dog.note_epoch("1")
    until_true(lambda: not dog.is_alive())
    with dog.held():
        held = dog.is_alive()

    assert before
    assert held
    assert dog.is_alive()
    assert dog.epochs == 2

"""When a board goes out: the first change at once, then at a pace, and the newest in the end."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from conf.settings import Top5
from dataflows.pace import Deadlines
from dataflows.top5.board import ShardTop
from dataflows.top5.ranking import BoardRemoval, RankedUser
from dataflows.top5.steps import PaceBoards

START = 1_000.0  # monotonic seconds


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that stands still until it is set."""
    clock = SimpleNamespace(now=START)
    fake = SimpleNamespace(monotonic=lambda: clock.now)
    for module in ("dataflows.top5.steps", "dataflows.pace"):
        monkeypatch.setattr(f"{module}.time", fake)
    return clock


def pace(updates_per_second, deadlines=None):
    """Give the step for the board of all time."""
    nothing: Any = None  # of periods
    top5 = Top5(size=5, updates_per_second=updates_per_second)
    settings: Any = SimpleNamespace(top5=top5, sign=1)
    return PaceBoards(settings, nothing, nothing, deadlines or Deadlines())


def top(position, *leaders, players=9, removals=()):
    """Return the one shard with these leaders, who have the scores 9, 8 and so on."""
    users = [RankedUser(rank - 9 << 64, user.encode()) for rank, user in enumerate(leaders)]
    return ShardTop(0, 1, position, users, players, list(removals))


def seconds_until(moment):
    return (moment - datetime.now(UTC)).total_seconds()


def published(given):
    """Return the leaders and the players of the boards that were published."""
    (boards, _) = given
    shown = (update.board for update in boards)
    return [("".join(row.user for row in board.rows), board.players) for board in shown]


def test_the_first_board_goes_out_at_once_the_next_at_the_pace_and_then_the_newest(clock):
    logic = pace(4)
    first = published(logic.on_batch([top(1, "a")]))
    held = [published(logic.on_batch([top(2, "b")])), published(logic.on_batch([top(3, "c")]))]
    due = seconds_until(logic.notify_at())
    clock.now += 0.25
    then = published(logic.on_notify())

    assert first == [("a", 9)]
    assert held == [[], []]
    assert due == pytest.approx(0.25, abs=0.05)
    assert then == [("c", 9)]
    assert logic.notify_at() is None


def test_other_players_alone_go_out_once_a_second(clock):
    logic = pace(0)
    logic.on_batch([top(1, "a", players=1)])
    held = published(logic.on_batch([top(2, "a", players=2)]))
    due = seconds_until(logic.notify_at())
    clock.now += 1

    assert held == []
    assert due == pytest.approx(1, abs=0.05)
    assert published(logic.on_notify()) == [("a", 2)]


@pytest.mark.usefixtures("clock")
def test_what_waits_goes_out_before_the_flow_ends():
    logic = pace(1)
    logic.on_batch([top(1, "a")])
    logic.on_batch([top(2, "b")])

    assert published(logic.on_eof()) == [("b", 9)]


def test_an_update_has_all_removals_since_the_last_and_the_positions_that_it_shows(clock):
    logic = pace(1)
    one, other = BoardRemoval(b"a", 5), BoardRemoval(b"b", 7)
    logic.on_batch([top(1, "a", "b", "c")])
    logic.on_batch([top(2, "b", "c", removals=[one])])
    logic.on_batch([top(4, "c", removals=[other])])
    clock.now += 1
    ((update,), _) = logic.on_notify()
    clock.now += 1
    ((later,), _) = logic.on_batch([top(5, "d")])

    assert (update.removals, update.positions) == ([one, other], (4,))
    assert (later.removals, later.positions) == ([], (5,))


def test_a_board_that_waits_sets_a_deadline_by_a_clock_that_is_never_set_back(clock):
    deadlines = Deadlines()
    logic = pace(4, deadlines)
    logic.on_batch([top(1, "a")])
    at_rest = deadlines.seconds_left()
    logic.on_batch([top(2, "b")])
    waiting = deadlines.seconds_left()
    clock.now += 0.25
    due = deadlines.pop_due("all-time"), deadlines.pop_due("all-time")
    then = published(logic.on_batch([top(2, "b")]))

    assert at_rest == float("inf")
    assert waiting == 0.25
    assert due == (True, False)
    assert then == [("b", 9)]

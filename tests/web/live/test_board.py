"""The boards by period: each has streams and ids of its own, and the clock chooses the period."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from conf.loading import load
from dataflows.leaderboard import Board, Row
from dataflows.periods import Calendar
from tests.support.boards import shown
from web.live import board as boards
from web.live import sse
from web.live.feeds import Feeds, newest_boards

BERLIN = ZoneInfo("Europe/Berlin")
NAMES = ("all-time", "day", "week", "month")


def at(*moment):
    """Return a time in Berlin in milliseconds."""
    return int(datetime(*moment).replace(tzinfo=BERLIN).timestamp() * 1000)  # noqa: DTZ001


NOON = at(2026, 11, 25, 12)
CHANGED = NOON - 60_000


@pytest.fixture
async def feeds(monkeypatch):
    """Return the feeds of all boards at noon of 25 November 2026, whose topic has the id `t`."""
    monkeypatch.setattr(boards, "now_ms", lambda: NOON)
    web = load().web.model_copy(update={"updates_per_second": 0})
    feeds = Feeds(web, Calendar(NAMES, "Europe/Berlin", 24))
    feeds.begin_boards("t")
    yield feeds
    feeds.end()


def entry(offset, name, period="", user="ann", *, final=False):
    board = Board(name, 1, CHANGED, (Row(1, user, 9, CHANGED),), period, final)
    return shown(sse.board_id("t", offset, board.key), board)


def streamed(feed):
    """Return the board in the state of a stream."""
    lines = feed.live.snapshot()[0].decode().split("\n")
    found = [json.loads(each[6:]) for each in lines if each.startswith("data: ")]
    return found[0] if found else None


async def test_before_the_topic_is_read_no_period_is_shown_and_after_that_an_empty_one(feeds):
    before = streamed(feeds.boards["day"])
    feeds.put_past([])

    assert before is None
    assert streamed(feeds.all_time) is None
    assert streamed(feeds.boards["day"]) == {
        "board": "day",
        "period": "2026-11-25",
        "final": False,
        "players": 0,
        "updated": 0,
        "rows": [],
    }
    assert feeds.boards["week"].newest_id == "t/week/2026-W48:0"


async def test_each_stream_has_the_board_of_its_current_period_alone(feeds):
    feeds.put_past([entry(0, "all-time"), entry(1, "day", "2026-11-24", "bob")])
    feeds.put_boards([entry(2, "day", "2026-11-25", "cid"), entry(3, "week", "2026-W48", "dan")])

    leaders = {name: streamed(feeds.boards[name])["rows"][:1] for name in NAMES}
    assert {name: rows and rows[0]["user"] for name, rows in leaders.items()} == {
        "all-time": "ann",
        "day": "cid",
        "week": "dan",
        "month": [],
    }


async def test_the_id_of_one_board_is_neither_newer_nor_older_than_that_of_another(feeds):
    feeds.put_past([entry(9, "all-time"), entry(0, "day", "2026-11-25")])
    day, all_time = feeds.boards["day"], feeds.all_time

    for resume in (all_time.newest_id, "t:12", "t/day/2026-11-24:12", "t/week/2026-W48:12"):
        assert not feeds.is_behind(resume, day.newest_id)
        assert day.live.snapshot(resume) == day.live.snapshot()
    assert feeds.is_behind("t/day/2026-11-25:2", day.newest_id)
    assert day.newest_id == "t/day/2026-11-25:1"


async def test_an_empty_board_is_older_than_one_at_the_first_offset(feeds):
    feeds.put_past([])
    empty = feeds.boards["day"].newest_id

    assert feeds.is_behind(entry(0, "day", "2026-11-25").event_id, empty)


@pytest.mark.parametrize(
    ("now", "periods"),
    [
        (at(2026, 11, 25, 23, 59, 59), ("2026-11-25", "2026-W48", "2026-11")),
        (at(2026, 11, 26), ("2026-11-26", "2026-W48", "2026-11")),
        (at(2026, 11, 30), ("2026-11-30", "2026-W49", "2026-11")),
        (at(2026, 12, 1), ("2026-12-01", "2026-W49", "2026-12")),
        (at(2028, 2, 29), ("2028-02-29", "2028-W09", "2028-02")),
        (at(2026, 11, 24, 1), ("2026-11-24", "2026-W48", "2026-11")),
    ],
)
async def test_the_periods_follow_the_clock_however_far_it_jumps(feeds, now, periods):
    feeds.put_past([])
    feeds.turn(now)

    assert tuple(streamed(feeds.boards[name])["period"] for name in NAMES[1:]) == periods
    assert streamed(feeds.all_time) is None


async def test_at_midnight_the_new_day_is_shown_with_what_is_known_of_it(feeds):
    feeds.put_past([entry(0, "day", "2026-11-25"), entry(1, "day", "2026-11-26", "bob")])
    day = feeds.boards["day"]
    before = streamed(day), day.history("")
    feeds.turn(at(2026, 11, 26))

    assert (before[0]["rows"][0]["user"], streamed(day)["rows"][0]["user"]) == ("ann", "bob")
    assert b"ann" in before[1]
    assert b"ann" not in day.history("")


async def test_a_late_score_changes_the_day_before_and_not_the_stream(feeds):
    feeds.put_past([entry(0, "day", "2026-11-24")])
    day = feeds.boards["day"]
    version = day.live.snapshot()
    feeds.put_boards([entry(5, "day", "2026-11-24", "bob", final=True)])
    shown = day.find("2026-11-24")

    assert day.live.snapshot() == version
    assert (shown.board.rows[0].user, shown.board.final) == ("bob", True)
    assert shown.event_id == "t/day/2026-11-24:6"


async def test_only_the_last_400_periods_are_kept(feeds):
    calendar = Calendar(NAMES, "Europe/Berlin", 24)
    period = calendar.current("day", NOON)
    past = []
    for offset in range(450):
        past.append(entry(offset, "day", period.name))
        period = calendar.before(period)
    feeds.put_past(past[::-1])
    day = feeds.boards["day"]

    assert [it.board.period for it in day.periods()][::399] == ["2026-11-25", "2025-10-22"]
    assert "only the last 400" in day.refusal("2025-10-21")
    assert day.refusal("2025-10-22") == ""


async def test_what_is_no_period_or_has_not_begun_is_refused_with_the_reason(feeds):
    feeds.put_past([entry(0, "day", "2026-12-24")])
    day = feeds.boards["day"]

    assert "are written like 2026-11-25" in day.refusal("yesterday")
    assert "are written like 2026-11-25" in day.refusal("2026-W48")
    assert "has not begun" in day.refusal("2026-11-26")
    assert "no period" in feeds.all_time.refusal("2026-11-25")
    assert [day.refusal(name) for name in ("2026-11-25", "2020-01-01", "2026-12-24")] == [""] * 3


async def test_another_topic_leaves_nothing_of_the_first(feeds):
    feeds.put_past([entry(0, "day", "2026-11-25"), entry(1, "day", "2026-11-24")])
    feeds.begin_boards("u")
    between = streamed(feeds.boards["day"])
    feeds.put_past([])

    assert between is None
    assert feeds.boards["day"].newest_id == "u/day/2026-11-25:0"
    assert feeds.boards["day"].periods() == []


def test_of_boards_that_wait_the_newest_of_each_period_is_left():
    waiting = [entry(0, "all-time"), entry(1, "day", "2026-11-24"), entry(2, "day", "2026-11-25")]
    boards = [entry(3, "day", "2026-11-25"), entry(4, "all-time")]

    assert {each.event_id for each in newest_boards(waiting, boards)} == {
        "t:4",
        "t/day/2026-11-24:2",
        "t/day/2026-11-25:4",
    }

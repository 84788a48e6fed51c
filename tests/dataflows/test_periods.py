"""The calendar: property tests beside the oracle's."""

from datetime import datetime
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows.leaderboard import EARLIEST_MS
from dataflows.periods import BOARDS, LAST_TIME, YEAR_MS, Calendar
from tests.support import board_oracle

HOUR_MS = 3600 * 1000
ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu"]
ODD = [EARLIEST_MS, 951_782_400_000, 1_767_225_599_999, LAST_TIME - 1]
times = st.one_of(st.integers(EARLIEST_MS, LAST_TIME - 1), st.sampled_from(ODD))
calendars = {zone: Calendar(BOARDS, zone, 24) for zone in ZONES}


def ms(text, zone_offset="+00:00"):
    return round(datetime.fromisoformat(text + zone_offset).timestamp() * 1000)


@given(st.sampled_from(ZONES), times)
def test_a_time_is_in_the_periods_that_the_oracle_says(zone, time):
    found = calendars[zone].periods(time)

    assert [period.board for period in found] == ["day", "week", "month"]
    for period in found:
        assert (period.name, period.end) == board_oracle.period(period.board, time, zone)
        assert period.start <= time < period.end
        assert period.closes_at == period.end + 24 * HOUR_MS


@given(st.sampled_from(ZONES), times)
def test_periods_follow_each_other_without_gaps_and_are_found_by_their_names(zone, time):
    calendar = calendars[zone]
    for period in calendar.periods(time):
        assert calendar.find(period.board, period.name) == period
        if period.start > YEAR_MS:
            assert calendar.before(period).end == period.start


@given(st.sampled_from(ZONES), times)
def test_a_day_lies_within_its_week_and_its_month(zone, time):
    day, *others = calendars[zone].periods(time)

    for other in others:
        assert other.start <= day.start < day.end <= other.end
        assert day.closes_at <= other.closes_at


@pytest.mark.parametrize(
    ("zone", "time", "names"),
    [
        ("UTC", "2026-11-25T00:00:00", ["2026-11-25", "2026-W48", "2026-11"]),
        ("UTC", "2026-11-24T23:59:59", ["2026-11-24", "2026-W48", "2026-11"]),
        ("UTC", "2027-01-01T12:00:00", ["2027-01-01", "2026-W53", "2027-01"]),
        ("UTC", "2024-02-29T12:00:00", ["2024-02-29", "2024-W09", "2024-02"]),
        ("UTC", "2024-12-30T00:00:00", ["2024-12-30", "2025-W01", "2024-12"]),
        ("Europe/Berlin", "2026-11-24T23:00:00", ["2026-11-25", "2026-W48", "2026-11"]),
        ("America/New_York", "2026-11-25T04:59:59", ["2026-11-24", "2026-W48", "2026-11"]),
    ],
)
def test_a_period_is_named_by_the_day_of_the_zone(zone, time, names):
    periods = Calendar(BOARDS, zone, 24).periods(ms(time))

    assert [period.name for period in periods] == names


def test_a_day_of_daylight_saving_has_23_or_25_hours():
    days = [
        Calendar(["day"], "Europe/Berlin", 0).periods(ms(f"{date}T12:00:00"))[0]
        for date in ("2026-03-29", "2026-10-25", "2026-11-25")
    ]

    assert [(day.end - day.start) // HOUR_MS for day in days] == [23, 25, 24]


def test_a_day_whose_midnight_is_left_out_begins_right_after():
    """In 2018 clocks in Brazil went from 0:00 to 1:00 on the 4th of November."""
    (day,) = Calendar(["day"], "America/Sao_Paulo", 0).periods(ms("2018-11-04T12:00:00"))

    assert day.start == ms("2018-11-04T03:00:00")


def test_a_day_that_a_zone_has_left_out_does_not_hide_the_next():
    """Samoa had no 30th of December 2011."""
    calendar = Calendar(["day"], "Pacific/Apia", 0)
    (day,) = calendar.periods(ms("2011-12-30T12:00:00"))

    assert (day.name, (day.end - day.start) // HOUR_MS) == ("2011-12-31", 24)


def test_a_time_beyond_the_calendar_has_no_period():
    assert [calendars["UTC"].periods(time) for time in (LAST_TIME, 2**62)] == [(), ()]


@pytest.mark.parametrize(
    ("board", "name"),
    [
        ("day", "2026-W48"),
        ("day", "2026-02-30"),
        ("day", "20261125"),
        ("week", "2026-W54"),
        ("week", "2025-W53"),
        ("week", "2026-48"),
        ("month", "2026-13"),
        ("month", "2026-1"),
        ("month", ""),
        ("day", "\uff12026-11-25"),
    ],
)
def test_what_is_no_period_is_found_nowhere(board, name):
    assert calendars["UTC"].find(board, name) is None


def test_every_zone_of_the_database_has_a_calendar():
    for zone in available_timezones() - {"localtime"}:
        (day,) = Calendar(["day"], zone, 0).periods(ms("2026-11-25T12:00:00"))

        assert 22 <= (day.end - day.start) / HOUR_MS <= 26


def test_the_oldest_open_period_is_the_one_that_late_scores_may_still_reach():
    calendar = Calendar(BOARDS, "UTC", 24)
    names = [
        calendar.oldest_open(board, ms("2026-11-25T12:00:00")).name
        for board in ("day", "week", "month")
    ]

    assert names == ["2026-11-24", "2026-W48", "2026-11"]
    assert calendar.oldest_open("day", ms("2026-11-25T00:00:00")).name == "2026-11-24"
    assert calendar.oldest_open("day", 2**62).end <= LAST_TIME + 24 * HOUR_MS

"""The boards by period on the page: tabs, periods in words, the way back, and midnight."""

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from conf.loading import load
from dataflows.leaderboard import Board, Row
from tests.support.boards import shown
from tests.support.browser import needs_browser, wait_for
from tests.support.page_fixtures import HEARING
from tests.support.page_server import playing
from tests.support.until import until_true
from tests.web.page.test_accessibility import findings
from web.kafka.producer import ScoreProducer
from web.kafka.records import Receipt
from web.live import sse
from web.live.freshness import Status

pytestmark = needs_browser

BOARDS = ("all-time", "day", "week", "month")
PAST = "/?board=day&period=2026-11-20"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "light": ("/?board=day", {"color_scheme": "light"}),
    "dark": ("/?board=week", {"color_scheme": "dark"}),
    "phone": ("/?board=month", {"color_scheme": "light", **PHONE}),
    "hall": ("/?display=hall&board=day", {"color_scheme": "dark"}),
    "past": (PAST, {"color_scheme": "dark"}),
    "more contrast": ("/?board=day", {"forced_colors": "active"}),
}


def at(day, hour):
    """Return a time of November 2026 in Berlin in milliseconds."""
    return int(datetime(2026, 11, day, hour, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000)


def entry(offset, name, period, *scores, final=False):
    rows = tuple(Row(rank, user, score, at(20, 12)) for rank, (user, score) in enumerate(scores, 1))
    board = Board(name, len(rows), at(20, 12) if rows else 0, rows, period, final)
    return shown(sse.board_id("t", offset, board.key), board)


@pytest.fixture(scope="module")
def theatre():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        update = {"boards": BOARDS, "time_zone": "Europe/Berlin", "order": "lowest"}
        with playing(load().model_copy(update=update), scripted=False) as stage:
            yield stage


@pytest.fixture
def stage(theatre):
    """Return the stage at noon of 25 November 2026, with boards of some periods."""
    theatre.call(theatre.feeds.begin_boards, "t")
    theatre.call(theatre.feeds.turn, at(25, 12))
    theatre.call(theatre.feeds.put_status, Status(None, ()))
    entries = [
        entry(0, "all-time", "", ("eve", 1), ("ann", 1300)),
        entry(1, "day", "2026-11-18", ("old", 7), final=True),
        entry(2, "day", "2026-11-20", ("bob", 1300), final=True),
        entry(3, "day", "2026-11-24", ("cid", 8)),
        entry(4, "day", "2026-11-25", ("ann", 1300)),
        entry(5, "week", "2026-W48", ("cid", 8), ("ann", 1300)),
    ]
    theatre.call(theatre.feeds.put_past, entries)
    until_true(lambda: theatre.feeds.boards["week"].newest_id == "t/week/2026-W48:6")
    yield theatre
    theatre.call(theatre.feeds.begin_boards, "")


def names(page):
    return page.locator("#board tr:not(.leaving) .name")


def period(page):
    return page.locator("#period")


def test_the_tabs_lead_to_each_board_and_the_address_keeps_the_choice(stage, open_page):
    page = open_page()
    expect(names(page)).to_have_text(["eve", "ann"])
    tabs = page.get_by_role("navigation", name="Boards").get_by_role("link")

    assert tabs.all_text_contents() == ["All time", "Today", "This week", "This month"]
    page.get_by_role("link", name="This week").click()
    expect(names(page)).to_have_text(["cid", "ann"])
    expect(period(page)).to_have_text("Week 48")
    expect(page.locator("[aria-current=page]")).to_have_text("This week")
    page.reload()
    expect(names(page)).to_have_text(["cid", "ann"])
    assert page.url == f"{stage.address}/?board=week"
    page.get_by_role("link", name="All time").click()
    expect(names(page)).to_have_text(["eve", "ann"])
    assert page.url == f"{stage.address}/"


@pytest.mark.parametrize(
    ("locale", "texts"),
    [
        ("en-GB", ["Today, 25 November", "Friday 20 November", "November 2026"]),
        ("de-DE", ["Today, 25. November", "Freitag, 20. November", "November 2026"]),
        ("fr-FR", ["Today, 25 novembre", "vendredi 20 novembre", "novembre 2026"]),
    ],
)
def test_the_period_is_in_words_of_the_viewer_whatever_the_zone(open_page, locale, texts):
    paths = ("/?board=day", PAST, "/?board=month")
    pages = [open_page(path, locale=locale, timezone_id="Pacific/Honolulu") for path in paths]

    for page, text in zip(pages, texts, strict=True):
        expect(period(page)).to_have_text(text)


def test_a_week_of_another_year_says_so(open_page):
    expect(period(open_page("/?board=week&period=2025-W52"))).to_have_text("Week 52, 2025")
    expect(period(open_page("/?board=day&period=2025-12-31"))).to_contain_text("2025")


def test_a_page_without_javascript_has_the_board_and_all_links(stage, new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(stage.address)
    page.get_by_role("link", name="Today").click()
    expect(names(page)).to_have_text(["ann"])
    expect(period(page)).to_have_text("2026-11-25")
    page.locator("[rel=prev]").click()
    expect(names(page)).to_have_text(["cid"])
    page.locator("[rel=next]").click()
    expect(names(page)).to_have_text(["ann"])


def test_a_form_without_javascript_stays_on_its_board(stage, new_context, monkeypatch):
    async def produce(*_):
        return Receipt(0, 1)

    monkeypatch.setattr(ScoreProducer, "produce", produce)
    page = new_context(java_script_enabled=False).new_page()
    page.goto(stage.address + PAST)
    page.get_by_label("User", exact=True).fill("ann")
    for points, text in (("ten", "score"), ("10", "Received")):
        page.get_by_label("Score", exact=True).fill(points)
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_role("main")).to_contain_text(text)
        expect(page.locator("[aria-current=page]")).to_have_text("Today")

    assert page.url == f"{stage.address}/?board=day&outcome=received"


def test_a_player_is_found_without_javascript_after_a_score_that_is_refused(stage, new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(stage.address)
    page.get_by_label("User", exact=True).fill("ann")
    page.get_by_label("Score", exact=True).fill("ten")
    page.get_by_role("button", name="Add").click()
    page.locator("#name").fill("bob")
    with page.expect_response("**/?user=bob") as found:
        page.locator("#find [type=submit]").click()

    assert found.value.status == 200
    assert page.url == f"{stage.address}/?user=bob#player"


def test_earlier_periods_with_scores_are_one_link_apart(stage, open_page):
    page = open_page("/?board=day")
    for users, note in ((["cid"], "may still count"), (["bob"], "Final."), (["old"], "Final.")):
        page.locator("[rel=prev]").click()
        expect(names(page)).to_have_text(users)
        expect(page.locator(".note")).to_contain_text(note)
    expect(page.locator("[rel=prev]")).to_be_hidden()
    page.locator("[rel=next]").click()
    expect(names(page)).to_have_text(["bob"])
    expect(page.locator("#board td.score")).to_have_text("1,300")

    assert page.url == stage.address + PAST
    assert page.locator("#history").count() == 0


def test_a_board_changes_on_its_own_page_alone(stage, open_page):
    day, past, week = (open_page(path) for path in ("/?board=day", PAST, "/?board=week"))
    stage.call(stage.feeds.put_boards, [entry(9, "day", "2026-11-25", ("dan", 5), ("ann", 1300))])
    expect(names(day)).to_have_text(["dan", "ann"])

    assert names(past).all_text_contents() == ["bob"]
    assert names(week).all_text_contents() == ["cid", "ann"]


def is_tomorrow(page):
    expect(period(page)).to_have_text("Today, 26 November")
    expect(page.get_by_text("No scores yet. Add the first.")).to_be_visible()
    expect(names(page)).to_have_count(0)
    expect(page.locator("#changed")).to_have_text("\u2013")


def test_at_midnight_the_page_shows_the_new_day_and_the_way_back(stage, open_page):
    page = open_page("/?board=day")
    expect(page.locator("#history figcaption")).to_contain_text("ann")
    stage.call(stage.feeds.turn, at(26, 0))
    is_tomorrow(page)
    expect(page.locator("#history")).to_be_hidden()
    stage.call(stage.feeds.put_boards, [entry(9, "day", "2026-11-26", ("dan", 5))])
    expect(names(page)).to_have_text("dan")
    page.locator("[rel=prev]").click()
    expect(names(page)).to_have_text("ann")
    expect(period(page)).to_have_text("Wednesday 25 November")


def test_a_page_that_is_paused_at_midnight_shows_the_old_day_until_the_pause_ends(stage, open_page):
    page = open_page("/?board=day")
    expect(page.locator("#history figcaption")).to_contain_text("ann")
    page.evaluate(HEARING)
    page.get_by_role("switch", name="Pause").click()
    before = page.locator("main").inner_text()
    stage.call(stage.feeds.turn, at(26, 0))
    wait_for(page, "heard.includes('board')")
    page.evaluate("new Promise(requestAnimationFrame)")

    assert page.locator("main").inner_text() == before
    page.get_by_role("switch", name="Pause").click()
    is_tomorrow(page)


def test_a_page_that_was_away_at_midnight_shows_the_new_day(stage, open_page):
    page = open_page("/?board=day")
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_contain_text("Reconnecting")
    stage.call(stage.feeds.turn, at(26, 8))
    page.context.set_offline(False)

    is_tomorrow(page)


def test_the_hall_shows_one_board_with_its_period(open_page):
    page = open_page("/?display=hall&board=day", viewport={"width": 1920, "height": 1080})
    expect(names(page)).to_have_text(["ann"])
    expect(period(page)).to_have_text("Today, 25 November")

    assert page.locator("nav, .note").count() == 0
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080


def test_tabs_of_a_board_share_a_stream_and_so_do_those_of_all_earlier_periods(stage, new_context):
    context = new_context()
    past = (PAST, "/?board=week&period=2026-W47", "/?board=month&period=2026-10")
    current = ("/?board=day", "/?board=day", "/?board=week", "/?board=week", "/?board=month")
    pages = [context.new_page() for _ in (*current, *past)]
    for page, path in zip(pages, (*current, *past), strict=True):
        page.goto(stage.address + path)
        expect(page.locator("#connection")).to_have_text("Live")
    feeds = [stage.feeds.boards[name] for name in BOARDS]
    until_true(lambda: [sum(map(len, it.live_hubs())) for it in feeds] == [1, 1, 1, 1])
    stage.call(stage.feeds.put_boards, [entry(9, "day", "2026-11-25", ("dan", 5))])

    for page in pages[:2]:
        expect(names(page)).to_have_text("dan")
    expect(names(pages[2])).to_have_text(["cid", "ann"])
    expect(names(pages[5])).to_have_text("bob")


def test_the_page_says_that_the_lowest_score_wins(open_page):
    expect(open_page().locator(".note")).to_have_text("The lowest score wins.")


@pytest.mark.parametrize("form", FORMS)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(open_page, form):
    path, how = FORMS[form]
    page = open_page(path, reduced_motion="reduce", **how)
    expect(period(page)).to_contain_text(re.compile("ov|Week"))
    wait_for(page, "document.fonts.status === 'loaded'")

    assert findings(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("query", ["board=year", "board=day&period=today", "period=2026-11-25"])
def test_an_unknown_board_or_period_is_refused_in_words(stage, new_context, query):
    page = new_context().new_page()
    answer = page.goto(f"{stage.address}/?{query}")

    assert answer.status == 404
    expect(page.locator("body")).to_contain_text(re.compile("there is no board|has no period"))

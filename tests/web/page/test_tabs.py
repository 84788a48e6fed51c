"""Many tabs of one browser have one stream, whichever of them close, freeze or fall silent."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import needs_browser
from tests.support.page_server import board
from tests.support.until import until_true

pytestmark = needs_browser

SHOWN = "document.dispatchEvent(new Event('visibilitychange'))"
HIDDEN = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => true});" + SHOWN
VISIBLE = "delete document.hidden;" + SHOWN
SILENCE = "BroadcastChannel.prototype.postMessage = () => {}"
TABS = 7  # one more than HTTP/1.1 allows connections


def names(page):
    return page.locator("#board tr:not(.leaving) .name")


def open_tab(context, stage):
    page = context.new_page()
    page.goto(stage.address, timeout=60_000)
    expect(page.locator("#connection")).to_have_text("Live")
    return page


@pytest.fixture
def tabs(new_context, stage):
    """Return the tabs, oldest first; the oldest has the stream."""
    stage.first = [("board", board(("ann", 1)))]
    context = new_context()
    pages = [open_tab(context, stage) for _ in range(TABS)]
    until_true(lambda: stage.watched() == 1)
    return pages


def all_show(stage, tabs, user):
    stage.first = [("board", board((user, 7)))]
    stage.send(*stage.first[0])
    for tab in tabs:
        expect(names(tab)).to_have_text(user)


def test_seven_visible_tabs_are_live_with_one_stream(stage, tabs):
    all_show(stage, tabs, "bob")

    assert stage.watched() == 1


def test_tabs_that_load_at_the_same_time_are_all_live_with_one_stream(stage, tabs):
    for tab in tabs:
        tab.evaluate("setTimeout(() => location.reload())")
    for tab in tabs:
        expect(tab.locator("#connection")).to_have_text("Live")
    all_show(stage, tabs, "bob")
    until_true(lambda: stage.watched() == 1)


def test_a_tab_is_up_to_date_when_it_opens(stage, new_context):
    context = new_context()
    stage.first = [("board", board(("ann", 1)))]
    open_tab(context, stage)
    stage.first = [("board", board(("bob", 2)))]
    page = open_tab(context, stage)

    expect(names(page)).to_have_text("bob")


def test_when_the_tab_with_the_stream_closes_the_next_one_opens_it(stage, tabs):
    while len(tabs) > 1:
        stage.first = [("board", board((f"user {len(tabs)}", 1)))]
        tabs.pop(0).close()
        for tab in tabs:
            expect(names(tab)).to_have_text(f"user {len(tabs) + 1}")
        until_true(lambda: stage.watched() == 1)
        all_show(stage, tabs, "bob")


def test_when_the_tab_with_the_stream_is_frozen_another_opens_it(stage, tabs):
    stage.first = [("board", board(("bob", 2)))]
    # Chromium freezes hidden pages alone, and without a screen no page is hidden.
    tabs[0].evaluate("document.dispatchEvent(new Event('freeze'))")
    for tab in tabs[1:]:
        expect(names(tab)).to_have_text("bob")
    until_true(lambda: stage.watched() == 1)
    tabs[0].evaluate("document.dispatchEvent(new Event('resume'))")
    all_show(stage, tabs, "cid")
    until_true(lambda: stage.watched() == 1)


@pytest.fixture
def two(new_context, stage):
    """Return the tab with the stream, and another whose clock the test moves."""
    context = new_context()
    leader = open_tab(context, stage)
    page = context.new_page()
    page.clock.install()
    page.goto(stage.address)
    expect(page.locator("#connection")).to_have_text("Live")
    until_true(lambda: stage.watched() == 1)
    return leader, page


def test_when_the_tab_with_the_stream_falls_silent_another_opens_one(stage, two):
    leader, page = two
    leader.evaluate(SILENCE)
    page.clock.fast_forward(41_000)
    until_true(lambda: stage.watched() == 2)
    all_show(stage, [page], "bob")


def test_a_tab_that_is_shown_again_soon_knows_whether_another_has_the_stream(stage, two):
    leader, page = two
    page.evaluate(SHOWN)
    all_show(stage, [page], "bob")  # so the answer has arrived too
    page.clock.fast_forward(3_000)
    all_show(stage, [page], "cid")
    assert stage.watched() == 1
    leader.evaluate(SILENCE)
    page.evaluate(SHOWN)
    page.clock.fast_forward(3_000)
    until_true(lambda: stage.watched() == 2)
    all_show(stage, [page], "dan")
    assert stage.watched() == 2


def test_all_tabs_say_that_the_server_is_away_and_come_back(stage, tabs):
    stage.first = [("board", board(("bob", 2)))]
    for tab in tabs:
        tab.context.set_offline(True)
    for tab in tabs:
        expect(tab.locator("#connection")).to_contain_text("Reconnecting")
    tabs[0].context.set_offline(False)
    for tab in tabs:
        expect(names(tab)).to_have_text("bob")
        expect(tab.locator("#connection")).to_have_text("Live")
    until_true(lambda: stage.watched() == 1)


@pytest.fixture
def alone(new_context, stage):
    """Return a tab whose clock the test moves."""
    page = new_context().new_page()
    page.clock.install()
    page.goto(stage.address)
    expect(page.locator("#connection")).to_have_text("Live")
    return page


def test_a_tab_that_is_hidden_for_a_minute_lets_its_stream_go_and_is_up_to_date_when_shown(
    stage, alone
):
    alone.evaluate(HIDDEN)
    alone.clock.fast_forward(30_000)
    before = stage.watched()
    alone.clock.fast_forward(31_000)
    until_true(lambda: stage.watched() == 0)
    alone.clock.fast_forward(600_000)
    stage.first = [("board", board(("bob", 2)))]
    asleep = stage.watched()
    alone.evaluate(VISIBLE)

    assert (before, asleep) == (1, 0)
    expect(names(alone)).to_have_text("bob")
    assert stage.watched() == 1


def test_a_tab_that_is_hidden_for_less_than_a_minute_keeps_its_stream(stage, alone):
    alone.evaluate(HIDDEN)
    alone.clock.fast_forward(30_000)
    alone.evaluate(VISIBLE)
    all_show(stage, [alone], "ann")  # a stream that is silent for 40 s is lost
    alone.clock.fast_forward(32_000)

    all_show(stage, [alone], "bob")


def test_when_the_tab_with_the_stream_is_hidden_for_long_another_opens_it(stage, new_context):
    context = new_context()
    leader = context.new_page()
    leader.clock.install()
    leader.goto(stage.address)
    expect(leader.locator("#connection")).to_have_text("Live")
    page = open_tab(context, stage)
    until_true(lambda: stage.watched() == 1)
    leader.evaluate(HIDDEN)
    leader.clock.fast_forward(30_000)
    all_show(stage, [page], "ann")  # a stream that is silent for 40 s is lost
    leader.clock.fast_forward(31_000)
    all_show(stage, [page], "bob")
    assert stage.watched() == 1
    leader.evaluate(VISIBLE)
    all_show(stage, [leader, page], "cid")
    until_true(lambda: stage.watched() == 1)

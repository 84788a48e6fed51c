"""The screen in a hall: the board alone, large, and awake."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import needs_browser, wait_for
from tests.support.page_fixtures import COUNTING
from tests.support.page_server import board

pytestmark = needs_browser

HALL = "/?display=hall"
SCREEN = {"width": 1920, "height": 1080}
LEGIBLE = 0.05  # of the height: 34 mm of a 55-inch screen, twice what ten metres ask for


@pytest.fixture
def rows(stage):
    stage.first = [("board", board(*[(user * 4, 10**6 - n) for n, user in enumerate("abcde")]))]


@pytest.mark.usefixtures("rows")
def test_the_board_stands_alone_and_fills_the_screen(open_page):
    page = open_page(HALL, viewport=SCREEN)
    expect(page.locator("#board tbody tr")).to_have_count(5)
    heights = page.locator("#board td.score").evaluate_all(
        "cells => cells.map(cell => parseFloat(getComputedStyle(cell).fontSize) * 0.7)"
    )

    assert page.locator("button, form, #scores, #history, #now").count() == 0
    assert min(heights) >= LEGIBLE * SCREEN["height"]
    assert page.evaluate("document.documentElement.scrollHeight") <= SCREEN["height"]
    assert page.locator("#board tbody").bounding_box()["height"] > 0.85 * SCREEN["height"]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("size", [(1280, 720), (3840, 2160), (1080, 1920)])
def test_any_screen_will_do(open_page, size):
    width, height = size
    page = open_page(HALL, viewport={"width": width, "height": height})
    expect(page.locator("#board tbody tr")).to_have_count(5)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.scrollHeight") <= height


def test_the_screen_is_kept_awake_also_after_it_was_hidden(chrome, stage):
    with chrome.new_context() as context:
        context.add_init_script(
            "window.locks = 0; navigator.wakeLock.request = async () => { locks += 1; }"
        )
        page = context.new_page()
        page.goto(stage.address + HALL)
        wait_for(page, "locks === 1")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

        assert page.evaluate("locks") == 2


def test_the_screen_asks_for_the_board_and_the_status_alone(chrome, stage):
    with chrome.new_context() as context:
        context.add_init_script(COUNTING)
        page = context.new_page()
        page.goto(stage.address + HALL)
        wait_for(page, "urls.length === 1")

        assert page.evaluate("urls") == [f"{stage.address}/live?events=status,board"]

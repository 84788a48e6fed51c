"""The board in a frame of another page: alone, transparent, in the theme of that page."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import needs_browser
from tests.support.page_server import board

pytestmark = needs_browser

BACKGROUND = "element => getComputedStyle(element).backgroundColor"


@pytest.fixture
def rows(stage):
    stage.first = [("board", board(*[(user, 9 - n) for n, user in enumerate("abcde")]))]


def names(page):
    return page.locator("#board tr:not(.leaving) .name")


@pytest.mark.usefixtures("rows")
def test_the_board_is_alone_and_transparent_with_as_many_rows_as_asked_for(stage, open_page):
    page = open_page("/?display=embed&rows=3")
    expect(names(page)).to_have_text(["a", "b", "c"])
    stage.send("board", board(("f", 10), *[(user, 9 - n) for n, user in enumerate("abcd")]))
    expect(names(page)).to_have_text(["f", "a", "b"])

    assert page.locator("#board-title").text_content() == "Top 3"
    assert page.locator("button, form, nav, #player, #scores, #history, #now").count() == 0
    for part in ("html", "body", "section", "#board tbody tr >> nth=0"):
        assert page.locator(part).evaluate(BACKGROUND) == "rgba(0, 0, 0, 0)"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("prefers", ["light", "dark"])
def test_the_theme_of_the_address_comes_before_what_the_viewer_prefers(open_page, prefers):
    def ink(path):
        page = open_page(path, color_scheme=prefers)
        return page.evaluate("getComputedStyle(document.body).color")

    light, dark = (ink(f"/?display=embed&theme={theme}") for theme in ("light", "dark"))

    assert light != dark
    assert ink("/?display=embed") == {"light": light, "dark": dark}[prefers]


@pytest.mark.usefixtures("rows")
def test_more_rows_than_the_board_has_are_all_of_them(open_page):
    page = open_page("/?display=embed&rows=1000")
    expect(names(page)).to_have_text([*"abcde"])

    assert page.locator("#board-title").text_content() == "Top 5"


@pytest.mark.parametrize("rows", ["0", "1001", "x"])
def test_a_number_of_rows_that_no_board_has_is_refused(new_context, stage, rows):
    page = new_context().new_page()

    assert page.goto(f"{stage.address}/?display=embed&rows={rows}").status == 400

"""A browser that lacks something, and a part of the page that fails: everything else works."""

import re

import pytest
from playwright.sync_api import expect

from tests import ROOT
from tests.support.browser import needs_browser
from tests.support.page_server import board, now, score, story

pytestmark = needs_browser

# What some browser of the last five years does not have.
MISSING = [
    "AbortSignal.any",
    "AbortSignal.timeout",
    "Array.fromAsync",
    "Array.prototype.at",
    "Array.prototype.findLast",
    "Array.prototype.toSorted",
    "BroadcastChannel",
    "Element.prototype.animate",
    "Element.prototype.checkVisibility",
    "HTMLElement.prototype.inert",
    "HTMLElement.prototype.showPopover",
    "IntersectionObserver",
    "Intl.ListFormat",
    "Intl.RelativeTimeFormat",
    "Intl.Segmenter",
    "Map.groupBy",
    "Navigator.prototype.locks",
    "Navigator.prototype.wakeLock",
    "Object.groupBy",
    "Object.hasOwn",
    "Promise.withResolvers",
    "ResizeObserver",
    "String.prototype.at",
    "String.prototype.isWellFormed",
    "String.prototype.replaceAll",
    "URL.canParse",
    "WeakRef",
    "Crypto.prototype.randomUUID",
    "Document.prototype.startViewTransition",
    "requestIdleCallback",
    "scheduler",
    "structuredClone",
]
DELETE = "".join(f"delete window.{name};" for name in MISSING)
ABSENT = f"() => {[f'window.{name}' for name in MISSING]}.filter((name) => eval(name))"
PARTS = re.findall(
    r'import\("\./((?!types|live/|board/colors)[^"]+)"\)', (ROOT / "web/static/page.js").read_text()
)
FAILS_AT_BOARDS = """
export const start = () => ({ board() { throw new Error("broken"); } });
export const colorOf = () => 0;
"""
STYLES = sorted((ROOT / "web/static/css").glob("*.css"))
NEW_STYLE = re.compile(r"light-dark\(|color-mix\(|@layer|&")


@pytest.fixture
def first(stage):
    leading = board(("ann", 2), ("bob", 1), players=81_204)
    ann, rows, players = leading["rows"][0], leading["rows"], leading["players"]
    stage.first = [
        ("board", leading),
        ("story", story("ab", "ba")),
        ("score", score("ann", 2, 1)),
        ("rate", {"time": now(), "per_second": 12}),
        ("rank", {**ann, "players": players, "next": None, "around": rows}),
    ]


def add(page):
    page.get_by_label("User", exact=True).fill("ann")
    page.get_by_label("Score", exact=True).fill("7")
    page.get_by_role("button", name="Add").click()


# What each part of the dashboard shows.
SHOWN = {
    "board/board.js": lambda page: expect(page.locator("#players")).to_have_text("81,204"),
    "board/scores.js": lambda page: expect(page.locator("#scores tbody tr")).to_have_count(1),
    "history/history.js": lambda page: expect(page.locator("figcaption")).to_be_visible(),
    "history/rate.js": lambda page: expect(page.locator("#rate")).to_have_text("12"),
    "player/player.js": lambda page: expect(page.locator("#player")).to_contain_text("in the lead"),
    "form/form.js": lambda page: expect(page.locator("#answer")).to_contain_text("personal best"),
}


def works(page, *, without=()):
    """Check all that the page shows, but what some parts show."""
    answer = {"partition": 0, "offset": 1, "outcome": "best"}
    page.route("**/newScore", lambda route: route.fulfill(status=202, json=answer))
    expect(page.locator("#connection")).to_have_text("Live")
    if "form/form.js" not in without:
        add(page)
    for part, expected in SHOWN.items():
        if part not in without:
            expected(page)


@pytest.mark.usefixtures("first")
def test_the_page_works_without_what_some_browsers_do_not_have(stage, new_context):
    context = new_context(bypass_csp=True)
    context.add_init_script(DELETE)
    page = context.new_page()
    page.goto(stage.address)
    works(page)
    stage.send("board", board(("bob", 3), ("ann", 2)))
    expect(page.locator("#board tr:not(.leaving) .name")).to_have_text(["bob", "ann"])

    assert page.evaluate(ABSENT) == []


@pytest.mark.usefixtures("first")
def test_the_hall_works_without_what_some_browsers_do_not_have(stage, new_context):
    context = new_context()
    context.add_init_script(DELETE)
    page = context.new_page()
    page.goto(f"{stage.address}/?display=hall")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#board tr:not(.leaving) .name")).to_have_text(["ann", "bob"])


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_cannot_start_leaves_the_others_alone(stage, new_context, part):
    page = new_context().new_page()
    broken = {"body": "throw new Error('broken')", "content_type": "text/javascript"}
    page.route(f"**/{part}", lambda route: route.fulfill(**broken))
    page.goto(stage.address)
    works(page, without=[part])


@pytest.mark.usefixtures("first")
def test_a_part_that_fails_at_each_board_leaves_the_others_alone(stage, new_context):
    page = new_context().new_page()
    broken = {"body": FAILS_AT_BOARDS, "content_type": "text/javascript"}
    page.route("**/board/colors.js", lambda route: route.fulfill(**broken))
    page.goto(stage.address)
    works(page)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_no_style_needs_a_browser_of_the_last_two_years(style):
    assert not NEW_STYLE.search(style.read_text())

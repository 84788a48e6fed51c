"""The page for everyone: no findings of axe in any of its forms, keyboard, screen reader."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from tests.support.browser import needs_browser, wait_for
from tests.support.page_server import board, now, score, status, story

pytestmark = needs_browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}

STOP_AT = """(moment) => document.getAnimations().forEach((animation) => {
  animation.pause();
  animation.currentTime = moment * animation.effect.getComputedTiming().endTime;
})"""
FOCUSED = "document.activeElement.tagName + document.activeElement.id.replace(/^(?=.)/, '#')"

FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "light": ("/", {"color_scheme": "light"}),
    "dark": ("/", {"color_scheme": "dark"}),
    "phone": ("/", {"color_scheme": "dark", **PHONE}),
    "zoomed to 400 %": ("/", {"viewport": {"width": 320, "height": 256}}),
    "light hall": ("/?display=hall", {"color_scheme": "light"}),
    "dark hall": ("/?display=hall", {"color_scheme": "dark"}),
    "light embed": ("/?display=embed&theme=light", {"color_scheme": "dark"}),
    "dark embed": ("/?display=embed&theme=dark", {"color_scheme": "light"}),
    "more contrast": ("/", {"forced_colors": "active"}),
}


def findings(page):
    options = {"runOnly": {"type": "tag", "values": RULES}}
    found = Axe().run(page, options=options).response["violations"]
    return [(each["id"], node["html"]) for each in found for node in each["nodes"]]


@pytest.mark.parametrize("form", FORMS)
def test_axe_finds_nothing(stage, open_page, form):
    stage.first = [
        ("board", board(("ann", 5), ("w" * 300, 4), ("<b>", -3), ("ليلى", -4), ("e", -5))),
        ("story", story("abcde", "bacde", "bafcd")),
        *[("score", score("ann", 10**15, offset)) for offset in range(10)],
        ("rate", {"time": now(), "per_second": 12}),
    ]
    path, how = FORMS[form]
    page = open_page(path, reduced_motion="reduce", **how)
    expect(page.locator("#board tbody tr")).to_have_count(5)
    if "display" not in path:
        expect(page.locator("#history figcaption")).to_contain_text("lead")
    if form == "dark embed":  # on a dark page
        page.evaluate("document.body.style.background = '#181b21'")

    assert findings(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("since", "said"), [(now(), "Stale"), (None, "Problem")], ids=["stale", "problem"]
)
def test_axe_finds_nothing_when_all_goes_wrong(stage, open_page, scheme, since, said):
    stage.first.append(("status", status(since, "the broker has not answered")))
    page = open_page(said=said, color_scheme=scheme)
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#user-error")).to_have_text("Enter a user.")

    assert findings(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_while_paused_or_refused(stage, open_page, scheme):
    page = open_page(color_scheme=scheme)
    page.get_by_role("switch", name="Pause").click()
    paused = findings(page)
    stage.first = [("status", {**status(None, "too many streams"), "refused": "full"})]
    refused = findings(open_page(said="The server is full", color_scheme=scheme))

    assert (paused, refused) == ([], [])


def test_every_column_has_its_header_for_a_screen_reader_on_a_phone_too(open_page):
    page = open_page(**PHONE)

    for table, count in (("#board", 4), ("#scores", 3)):
        expect(page.locator(table).get_by_role("columnheader")).to_have_count(count)


def test_the_focus_is_never_in_a_row_and_stays_while_rows_move(stage, open_page):
    stage.first = [
        ("board", board(("w" * 300, 2), ("bob", 1))),
        *[("score", score("w" * 300, offset, offset)) for offset in range(10)],
    ]
    page = open_page(**PHONE)
    expect(page.locator("#scores tbody tr")).to_have_count(10)
    walk = []
    while (focused := page.evaluate(FOCUSED)) not in walk:
        walk.append(focused)
        page.keyboard.press("Tab")
    page.locator("#score").focus()
    stage.send("board", board(("cid", 4), ("bob", 3)))
    expect(page.locator("#board tr:not(.leaving) .name")).to_have_text(["cid", "bob"])

    first, fields = ["A", "INPUT#pause", "A#all-ranks"], ["INPUT#user", "INPUT#score"]
    assert walk == ["BODY", *first, "INPUT#name", "INPUT", *fields, "BUTTON"]
    expect(page.locator("#score")).to_be_focused()


@pytest.mark.parametrize("moment", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_while_rows_move(stage, open_page, scheme, moment):
    stage.first = [("board", board(("ann", 2), ("bob", 1))), ("score", score("ann", 2, 1))]
    page = open_page(color_scheme=scheme)
    expect(page.locator("#scores tbody tr")).to_have_count(1)
    session = page.context.new_cdp_session(page)
    session.send("Animation.enable")
    session.send("Animation.setPlaybackRate", {"playbackRate": 0.001})
    stage.send("board", board(("bob", 4), ("cid", 3)))
    stage.send("score", score("bob", 4, 2))
    expect(page.locator("#scores tbody tr")).to_have_count(2)
    wait_for(page, "document.getAnimations().length >= 4")
    page.evaluate(STOP_AT, moment)

    assert findings(page) == []

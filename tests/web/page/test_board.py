"""The board, the last scores, and their names, numbers and times, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import needs_browser, seen, wait_for
from tests.support.page_server import board, now, score, status, story

pytestmark = needs_browser

HOSTILE = [
    'Robert"); DROP TABLE',
    "<img src=x onerror=alert(1)>",
    "two\nlines\r\nthree",
    "👩‍🚀🏆",
    "a\u2028b\u2029c\x85d",
    "x" * 1000,
    "\u202eevil",
    "ليلى",
    " ",
    "Z̸̧̛͇͎͙͚̪̼͂̑̽a̴͎̼̽̈́l̷̗̆g̶̣͝o̶̬͋",
]
WIDTH = "names => names.map(name => name.clientWidth)"
IS_CUT = "cells => cells.map(cell => cell.scrollWidth > cell.clientWidth)"
LINES = "name => name.clientHeight / parseFloat(getComputedStyle(name).lineHeight)"
WIDTHS = [320, 390, 640, 960, 1280, 1920, 3840]


def shown(page):
    """Return the rows of the board as rank, user and score."""
    return page.locator("#board tbody tr:not(.leaving)").evaluate_all(
        "rows => rows.map(row => ['.rank', '.name', '.score']"
        ".map(each => row.querySelector(each).textContent))"
    )


def animations(page):
    return page.evaluate("document.getAnimations().length")


def test_the_board_and_each_change_of_it_are_shown(stage, open_page):
    page = open_page()
    expect(page.get_by_text("No scores yet. Add the first.")).to_be_visible()
    stage.send("board", board(("ann", 120), ("bob", 7), players=81204))
    expect(page.locator("#players")).to_have_text("81,204")
    stage.send("board", board(("bob", 1300), ("ann", 120)))
    expect(page.locator("#board tbody tr").first).to_contain_text("1,300")

    assert shown(page) == [["1", "bob", "1,300"], ["2", "ann", "120"]]


def test_a_row_that_rises_glides_to_its_place_and_its_score_lights_up(stage, open_page):
    page = open_page()
    stage.send("board", board(("ann", 120), ("bob", 7)))
    expect(page.locator("#board tbody tr")).to_have_count(2)
    row = page.locator("#board tbody tr", has_text="bob").element_handle()
    stage.send("board", board(("bob", 130), ("ann", 120)))
    wait_for(page, "document.getAnimations().length >= 3")

    assert row.evaluate("row => row.isConnected && row.rowIndex") == 1


def test_a_new_row_enters_and_one_that_drops_out_fades(stage, open_page):
    page = open_page()
    stage.send("board", board(("ann", 120), ("bob", 7)))
    expect(page.locator("#board tbody tr")).to_have_count(2)
    page.evaluate(
        "window.leaving = []; new MutationObserver(changes => changes.forEach(change =>"
        " change.addedNodes.forEach(row => row.matches('.leaving') &&"
        " leaving.push(row.textContent + getComputedStyle(row).position))))"
        ".observe(document.querySelector('#board tbody'), {childList: true})"
    )
    stage.send("board", board(("ann", 120), ("cid", 9)))
    wait_for(page, "leaving.length === 1")
    expect(page.locator("#board .leaving")).to_have_count(0)

    assert re.search("bob.*absolute", page.evaluate("leaving[0]"))  # it takes no room
    assert [user for _, user, _ in shown(page)] == ["ann", "cid"]


def test_nothing_moves_for_those_who_asked_for_reduced_motion(stage, open_page):
    page = open_page(reduced_motion="reduce")
    for rows in ([("ann", 1)], [("bob", 2), ("ann", 1)], [("cid", 3), ("bob", 2)]):
        stage.send("board", board(*rows))
        stage.send("score", score(*rows[0], rows[0][1]))
        expect(page.locator("#board tbody tr").first).to_contain_text(rows[0][0])
        expect(page.locator("#scores tbody tr").first).to_contain_text(rows[0][0])

        assert animations(page) == 0
        assert page.locator(".leaving").count() == 0


def test_hostile_names_are_shown_as_they_are_and_break_nothing(stage, open_page):
    page = open_page(viewport={"width": 320, "height": 640})
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    stage.send("board", board(*[(user, 10 - place) for place, user in enumerate(HOSTILE[:5])]))
    for offset, user in enumerate(HOSTILE):
        stage.send("score", score(user, offset, offset))
    expect(page.locator("#scores tbody tr")).to_have_count(10)
    expect(page.locator("#board tbody tr")).to_have_count(5)

    assert [user for _, user, _ in shown(page)] == HOSTILE[:5]
    assert sorted(page.locator("#scores .name").all_text_contents()) == sorted(HOSTILE)
    assert page.locator("img, tbody script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize(
    ("locale", "text"),
    [("en-GB", "9,223,372,036,854,775,807"), ("de-DE", "9.223.372.036.854.775.807")],
)
def test_numbers_have_the_separators_of_the_viewer_and_all_their_digits(
    stage, open_page, locale, text
):
    page = open_page(locale=locale, viewport={"width": 320, "height": 640})
    stage.send("board", board(("most", 2**63 - 1), ("odd", 2**53 + 1), ("least", -(2**63))))
    expect(page.locator("#board tbody tr")).to_have_count(3)
    digits = [re.sub(r"[^\d-]", "", each) for _, _, each in shown(page)]

    assert shown(page)[0][2] == text
    assert digits == [str(2**63 - 1), str(2**53 + 1), str(-(2**63))]
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_times_are_relative_and_exact_in_the_zone_of_the_viewer(stage, open_page):
    rows = board(("ann", 2), ("bob", 1), age=0)
    rows["rows"][0]["time"] = now() - 125_000
    rows["rows"][1]["time"] = 253_402_300_799_999 * 30
    stage.first = [("board", rows)]
    page = open_page(timezone_id="Asia/Tokyo")
    times = page.locator("#board tbody time")
    expect(times.first).to_have_text("2 min ago")

    assert page.locator("#changed time").text_content() == "now"
    assert re.fullmatch(r"\d+ \w+ \d{4}, \d\d:\d\d:\d\d", times.first.get_attribute("title"))
    assert "9999" in times.nth(1).get_attribute("datetime")


def test_a_long_name_takes_two_lines_and_is_whole_in_its_title(stage, open_page):
    page = open_page(viewport={"width": 390, "height": 800})
    stage.send("board", board(("bob", 2), ("w" * 200, 1)))
    name = page.locator("#board .name", has_text="www")
    expect(name).to_have_attribute("title", "w" * 200)

    assert round(name.evaluate(LINES)) == 2
    assert round(page.locator("#board .name", has_text="bob").evaluate(LINES)) == 1


def test_the_last_ten_scores_are_shown_newest_first_and_each_once(stage, open_page):
    page = open_page()
    for offset in [*range(12), *range(12)]:
        stage.send("score", score("ann", offset, offset) | {"time": 1_000 + offset})
    expect(page.locator("#scores td.score")).to_have_text([str(each) for each in range(11, 1, -1)])


def test_the_scores_of_a_removed_user_disappear_from_an_open_page(stage, open_page):
    page = open_page()
    sent = [("ann", 1, 0), ("ann", 1, 1), ("bob", 2, 0), ("ann", 4, 0)]
    for points, (user, offset, partition) in enumerate(sent):
        stage.send("score", score(user, points, offset, partition))
    expect(page.locator("#scores tbody tr")).to_have_count(4)
    stage.send("removal", {"user": "ann", "partition": 0, "offset": 3})
    expect(page.locator("#scores tbody tr")).to_have_count(3)

    assert sorted(page.locator("#scores tbody .score").all_text_contents()) == ["1", "2", "3"]


def test_only_a_new_leader_is_announced_and_at_most_twice_a_minute(stage, open_page):
    page = open_page()
    page.evaluate(
        "window.said = []; new MutationObserver(() => said.push(news.textContent))"
        ".observe(news, {childList: true})"
    )
    stage.send("board", board(("ann", 1)))
    wait_for(page, "said.length === 1")
    for points in range(2, 30):
        stage.send("board", board(("bob" if points % 2 else "ann", points), ("cid", 1)))
    expect(page.locator("#board tbody tr").first).to_contain_text("29")

    assert page.evaluate("said") == ["\u2068ann\u2069 leads with 1"]


@pytest.mark.parametrize(
    "user", ["\u2069\u202eevil", "evil\u2029\u202e", "\u2067evil", "\u202aevil"]
)
def test_no_name_turns_the_sentence_around_it(stage, open_page, user):
    page = open_page()
    stage.send("board", board((user, 7)))
    caption = page.locator("#history figcaption")
    expect(caption).to_contain_text("leads.")

    assert seen(caption) == "evil leads."
    assert page.locator("#news").text_content() == "\u2068evil\u2069 leads with 7"
    assert shown(page) == [["1", user, "7"]]


def test_nothing_is_wider_than_the_screen(stage, open_page):
    stage.first = [
        ("board", board(*[("w" * 300 + user, 2**63 - 1) for user in "abcde"])),
        ("story", story("abcde", "bacde", "bafcd")),
        ("status", status(now(), "a long sentence about a broker " * 4)),
        *[("score", score("w" * 300, -(2**63), offset)) for offset in range(10)],
    ]
    page = open_page(said="Stale")
    expect(page.locator("#scores tbody tr")).to_have_count(10)
    expect(page.locator("#history figcaption")).to_contain_text("took the lead")
    expect(page.locator("#board tbody tr")).to_have_count(5)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert min(page.locator("tbody .name").evaluate_all(WIDTH)) > 60
        assert page.locator("td.score").evaluate_all(IS_CUT) == [False] * 15

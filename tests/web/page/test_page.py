"""The page in a real browser, on a stage that needs no Kafka."""

import re
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.support.browser import needs_browser, wait_for
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
WIDTHS = [320, 390, 640, 960, 1280, 1920, 3840]


def shown(page):
    """Give the rows of the board as rank, user and score."""
    return page.locator("#board tbody tr:not(.ghost)").evaluate_all(
        "rows => rows.map(row => ['.rank', '.name', '.score']"
        ".map(each => row.querySelector(each).textContent))"
    )


def animations(page):
    return page.evaluate("document.getAnimations().length")


def test_the_board_is_there_and_each_change_of_it(stage, open_page):
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


def test_a_newcomer_enters_and_one_who_drops_out_leaves(stage, open_page):
    page = open_page()
    stage.send("board", board(("ann", 120), ("bob", 7)))
    expect(page.locator("#board tbody tr")).to_have_count(2)
    page.evaluate(
        "window.ghosts = []; new MutationObserver(changes => changes.forEach(change =>"
        " change.addedNodes.forEach(row => row.inert &&"
        " ghosts.push(row.textContent + getComputedStyle(row).position))))"
        ".observe(document.querySelector('#board tbody'), {childList: true})"
    )
    stage.send("board", board(("ann", 120), ("cid", 9)))
    wait_for(page, "ghosts.length === 1")
    expect(page.locator("#board .ghost")).to_have_count(0)

    assert re.search("bob.*absolute", page.evaluate("ghosts[0]"))  # it takes no room
    assert [user for _, user, _ in shown(page)] == ["ann", "cid"]


def test_nothing_moves_for_those_who_asked_for_that(stage, open_page):
    page = open_page(reduced_motion="reduce")
    for rows in ([("ann", 1)], [("bob", 2), ("ann", 1)], [("cid", 3), ("bob", 2)]):
        stage.send("board", board(*rows))
        stage.send("score", score(*rows[0], rows[0][1]))
        expect(page.locator("#board tbody tr").first).to_contain_text(rows[0][0])
        expect(page.locator("#scores tbody tr").first).to_contain_text(rows[0][0])

        assert animations(page) == 0
        assert page.locator(".ghost").count() == 0


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


def test_a_name_that_is_cut_opens_with_the_keyboard_and_keeps_the_focus(stage, open_page):
    page = open_page(viewport={"width": 390, "height": 800})
    stage.send("board", board(("bob", 2), ("w" * 200, 1)))
    name = page.locator("#board .name", has_text="www")
    expect(name).to_have_attribute("aria-expanded", "false")
    name.focus()
    before = name.bounding_box()["height"]
    page.keyboard.press("Enter")
    expect(name).to_have_attribute("aria-expanded", "true")
    stage.send("board", board(("w" * 200, 3), ("bob", 2)))
    expect(page.locator("#board tbody tr").first).to_contain_text("www")

    assert name.bounding_box()["height"] > 3 * before
    expect(name).to_be_focused()
    assert page.locator("#board .name[role=button]").count() == 1


def test_the_last_ten_scores_are_shown_newest_first_and_each_once(stage, open_page):
    page = open_page()
    for offset in [*range(12), *range(12)]:
        stage.send("score", score("ann", offset, offset) | {"time": 1_000 + offset})
    expect(page.locator("#scores tbody tr").first).to_contain_text("11")

    assert page.locator("#scores td.score").all_text_contents() == [
        str(each) for each in range(11, 1, -1)
    ]


def test_the_connection_is_told_in_words(stage, open_page):
    page = open_page()
    connection = page.locator("#connection")
    stage.send("status", status(now() - 60_000, "the broker of top-5 has not answered"))
    expect(connection).to_have_text(
        re.compile(r"^Stale since \d\d:\d\d:\d\d: the broker of top-5 has not answered$")
    )
    stage.send("status", status())
    expect(connection).to_have_text("Live")
    page.context.set_offline(True)
    expect(connection).to_have_text(re.compile(r"^Reconnecting · as of \d\d:\d\d:\d\d$"))
    page.context.set_offline(False)
    expect(connection).to_have_text("Live")


def test_a_stream_that_ends_is_opened_again_and_the_board_is_the_newest(stage, open_page):
    page = open_page()
    stage.first = [("board", board(("ann", 120)))]
    stage.end_streams()
    expect(page.locator("#board tbody tr")).to_have_count(1)
    expect(page.locator("#connection")).to_have_text("Live")

    assert stage.watched() == 1


def test_a_stream_that_the_browser_gives_up_is_opened_again(stage, open_page):
    page = open_page()
    page.route("**/live", lambda route: route.fulfill(status=502))
    stage.end_streams()
    expect(page.locator("#connection")).to_contain_text("Reconnecting")
    page.wait_for_event("response", lambda response: response.status == 502)
    page.unroute("**/live")
    expect(page.locator("#connection")).to_have_text("Live", timeout=15_000)


@pytest.mark.parametrize(("newest", "opened"), [('"same"', 1), ('"other"', 2)])
def test_after_a_long_silence_the_stream_is_opened_again_if_it_missed_a_board(
    stage, chrome, newest, opened
):
    stage.first = [("board", board(("ann", 1)), "same")]
    with chrome.new_context() as context:
        page = context.new_page()
        page.clock.install()
        page.route("**/top5", lambda route: route.fulfill(headers={"ETag": newest}))
        streams = []

        def note(request):
            if "/live" in request.url and not request.url.endswith(".js"):
                streams.append(request.url)

        page.on("request", note)
        page.goto(stage.address)
        expect(page.locator("#connection")).to_have_text("Live")
        with page.expect_response("**/top5"):
            page.clock.fast_forward(36_000)
        wait_for(page, "document.querySelector('#connection').textContent === 'Live'")

        assert streams[1:] == [f"{stage.address}/live?lastEventId=same"] * (opened - 1)


def test_a_clock_that_is_wrong_makes_no_time_wrong(stage, chrome):
    stage.first = [("board", board(("ann", 1), age=120))]
    with chrome.new_context() as context:
        page = context.new_page()
        page.clock.install(time=(now() + 3_600_000) / 1000)
        page.goto(stage.address)
        expect(page.locator("#connection")).to_have_text("Live")
        page.clock.run_for(4_000)
        stage.send("rate", {"time": now() + 4_000, "per_second": 1})
        page.clock.run_for(2_000)
        expect(page.locator("#board time")).to_have_text("2 min ago")


def test_only_a_new_leader_is_announced_and_only_now_and_then(stage, open_page):
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


def test_the_story_is_drawn_named_and_told(stage, open_page):
    stage.first = [
        ("board", board(*[(user, 1) for user in "bafcd"])),
        ("story", story("abcde", "bacde", "bafcd")),
    ]
    page = open_page()
    expect(page.locator("#story figcaption")).to_have_text(
        "\u2068b\u2069 took the lead 3 min ago. New: \u2068f\u2069. Dropped out: \u2068e\u2069."
    )

    assert page.locator("#story .labels li").all_text_contents() == list("bafcd")
    assert page.locator("#story .line").count() == 6
    assert page.locator("#story .line circle").count() == 5
    assert page.locator("#story .from").text_content() == "7 min ago"
    assert "1 \u2068b\u2069, at first 2;" in page.locator("#story-told").text_content()


def test_the_story_goes_on_with_what_the_page_sees(stage, open_page):
    page = open_page()
    stage.send("board", board(("ann", 2)))
    expect(page.locator("#story .labels li")).to_have_count(1)
    page.wait_for_timeout(1_100)  # of each second the last board is kept
    stage.send("board", board(("bob", 3), ("ann", 2)))
    expect(page.locator("#story figcaption")).to_contain_text("took the lead just now")

    assert "2 \u2068ann\u2069, at first 1" in page.locator("#story-told").text_content()


def test_the_rate_is_a_number_and_a_line(stage, open_page):
    stage.first = [
        ("rate", {"time": now() - 1000 * seconds, "per_second": 1000 + seconds})
        for seconds in range(59, -1, -1)
    ]
    page = open_page()
    expect(page.locator("#rate")).to_have_text("1,000")
    stage.send("rate", {"time": now(), "per_second": 0.5})
    expect(page.locator("#rate")).to_have_text("0.5")

    assert "at most 1,05" in page.locator("#rate-plot title").text_content()
    assert page.locator("#rate-plot .rate-line").get_attribute("d").count("L") > 50


def test_nothing_is_wider_than_the_screen(stage, open_page):
    stage.first = [
        ("board", board(*[("w" * 300 + user, 2**63 - 1) for user in "abcde"])),
        ("story", story("abcde", "bacde", "bafcd")),
        ("status", status(now(), "a long sentence about a broker " * 4)),
        *[("score", score("w" * 300, -(2**63), offset)) for offset in range(10)],
    ]
    page = open_page(said="Stale")
    expect(page.locator("#scores tbody tr")).to_have_count(10)
    expect(page.locator("#story figcaption")).to_contain_text("took the lead")
    expect(page.locator("#board tbody tr")).to_have_count(5)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert min(page.locator("tbody .name").evaluate_all(WIDTH)) > 60
        assert page.locator("td.score").evaluate_all(IS_CUT) == [False] * 15


@contextmanager
def answering(page, answer_status, document, **headers):
    page.route(
        "**/newScore",
        lambda route: route.fulfill(status=answer_status, json=document, headers=headers),
    )
    yield
    page.unroute("**/newScore")


def add(page, user, points):
    page.get_by_label("User", exact=True).fill(user)
    page.get_by_label("Score", exact=True).fill(points)
    page.get_by_role("button", name="Add").click()


OUTCOMES = {
    "top": "In the top five: \u2068ann\u2069, 1,200.",
    "best": "New personal best: \u2068ann\u2069, 1,200.",
    "counted": "Counted, no new best: \u2068ann\u2069, 1,200.",
    "received": "Received, not counted yet: \u2068ann\u2069, 1,200.",
}


def test_a_score_is_added_without_a_reload_and_what_became_of_it_is_told(open_page):
    page = open_page()
    posts = []

    def note(request):
        if request.method == "POST":
            posts.append(request)

    page.on("request", note)
    for outcome, words in OUTCOMES.items():
        with answering(page, 202, {"partition": 0, "offset": 1, "outcome": outcome}):
            add(page, "ann", " +1200 ")
            expect(page.locator("#answer")).to_have_text(words)

    assert posts[0].post_data_json == {"user": "ann", "score": "+1200"}
    assert [post.headers["prefer"] for post in posts] == ["wait=2"] * 4
    assert page.get_by_label("User", exact=True).input_value() == "ann"
    assert page.get_by_label("Score", exact=True).input_value() == ""


def test_an_error_of_the_server_stands_beside_its_field(open_page):
    page = open_page()
    with answering(page, 422, {"error": "user is not wanted", "field": "user"}):
        add(page, "ann", "1")
        expect(page.locator("#user-error")).to_have_text("User is not wanted.")

    assert page.get_by_label("User", exact=True).get_attribute("aria-invalid") == "true"
    assert page.get_by_label("User", exact=True).get_attribute("aria-describedby") == "user-error"
    assert page.evaluate("document.activeElement.id") == "user"


def test_a_refusal_of_the_whole_says_when_to_come_back(open_page):
    page = open_page()
    answer = {"error": "too many scores at once: try again later", "field": "body"}
    with answering(page, 429, answer, **{"Retry-After": "3"}):
        add(page, "ann", "1")
        expect(page.locator("#answer")).to_have_text(
            "Too many scores at once: try again later. Wait 3 s."
        )

    assert page.get_by_label("Score", exact=True).input_value() == "1"


def test_a_server_that_is_away_is_told(open_page):
    page = open_page()
    page.route("**/newScore", lambda route: route.abort())
    add(page, "ann", "1")
    expect(page.locator("#answer")).to_have_text("The server cannot be reached. Try again.")


def test_fields_are_checked_while_typing_but_nobody_is_nagged(open_page):
    page = open_page()
    field, error = page.get_by_label("Score", exact=True), page.locator("#score-error")
    field.press_sequentially("12x")
    expect(error).to_have_text("")
    field.blur()
    expect(error).to_have_text("Whole numbers only, in digits.")
    field.focus()
    field.press("End")
    field.press("Backspace")
    expect(error).to_have_text("")
    field.fill("9223372036854775808")
    field.blur()
    expect(error).to_have_text("At most 9,223,372,036,854,775,807.")
    page.get_by_role("button", name="Add").click()

    assert page.locator("#user-error").text_content() == "Enter a user."
    assert page.evaluate("document.activeElement.id") == "user"


def test_without_javascript_the_board_and_the_form_work(open_page):
    page = open_page(java_script_enabled=False, said="As of when this page was loaded")
    page.locator("#score").fill("7x")
    page.locator("#user").fill("ann")
    page.evaluate("document.getElementById('form').noValidate = true")
    page.locator("button").click()

    assert "score must be a whole number" in page.locator("#score-error").text_content()
    assert page.locator("#score").get_attribute("aria-invalid") == "true"
    assert page.locator("#user").input_value() == "ann"


def test_without_javascript_too_it_is_told_what_became_of_a_score(open_page):
    page = open_page("/?outcome=top", java_script_enabled=False, said="As of when")

    assert page.locator("#answer").text_content() == "In the top 5."
    assert page.locator("form button[name=wait]").get_attribute("value") == "2"


def test_the_keyboard_alone_adds_a_score(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to adding a score")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("User", exact=True)).to_be_focused()
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type("12")
    with answering(page, 202, {"partition": 0, "offset": 1, "outcome": "best"}):
        page.keyboard.press("Enter")
        expect(page.locator("#answer")).to_contain_text("New personal best")

    assert page.evaluate("document.activeElement.id") == "score"

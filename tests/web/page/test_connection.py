"""The connection of the page, in a real browser: lost, refused, silent, paused."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import needs_browser, wait_for
from tests.support.page_server import board, now, score, status

pytestmark = needs_browser

TIME = r"\d\d:\d\d:\d\d"
LOST = re.compile(f"^Reconnecting · as of {TIME}, next attempt at {TIME}$")
SILENCE = 40_000  # milliseconds: two heartbeats and ten seconds
CONNECT = 20_000
NOT_COUNTED = "scores arrive, and no flow has counted them for more than 15 s"
SHAPE = "mark => ['borderRadius', 'clipPath'].map(name => getComputedStyle(mark)[name]).join()"
PAUSES = [5_000, 10_000, 10_000]  # the longest: the page's random numbers are all 1


def is_live(page, **how):
    expect(page.locator("#connection")).to_have_text("Live", **how)


def streams(page):
    return page.evaluate("urls.length")


def send_beat(stage, page):
    """Send a beat and wait until the page has it."""
    before = page.evaluate("received.length")
    stage.send("beat", {"time": now()})
    wait_for(page, f"received.length > {before}")


def test_the_state_of_the_connection_is_shown_in_words(stage, open_page):
    page = open_page()
    connection = page.locator("#connection")
    stage.send("status", status(now() - 60_000, "the broker of top-5 has not answered"))
    expect(connection).to_have_text(
        re.compile(f"^Stale since {TIME}: the broker of top-5 has not answered$")
    )
    stage.send("status", status())
    expect(connection).to_have_text("Live")
    page.context.set_offline(True)
    expect(connection).to_have_text(LOST)
    page.context.set_offline(False)
    expect(connection).to_have_text("Live")


@pytest.mark.parametrize("path", ["/", "/?display=hall", "/?display=embed"])
def test_a_problem_that_leaves_the_board_the_newest_is_shown_beside_it(stage, open_page, path):
    stage.first = [("board", board(("ann", 1))), ("status", status(None, NOT_COUNTED))]
    page = open_page(path, said="Problem")
    connection = page.locator("#connection")
    expect(connection).to_have_text(f"Problem: {NOT_COUNTED}")
    shape = page.locator(".indicator").evaluate(SHAPE)
    expect(page.locator("#board .name")).to_have_text("ann")
    stage.send("board", board(("bob", 2), ("ann", 1)))
    expect(page.locator("#board tr:not(.leaving) .name")).to_have_text(["bob", "ann"])
    stage.send("status", status(now() - 60_000, "the broker is away", NOT_COUNTED))
    expect(connection).to_contain_text("the broker is away")
    stale = page.locator(".indicator").evaluate(SHAPE)
    stage.send("status", status())
    expect(connection).to_have_text("Live")

    assert len({shape, stale, page.locator(".indicator").evaluate(SHAPE)}) == 3


def test_a_problem_that_is_repeated_is_said_once(stage, open_page):
    page = open_page()
    page.evaluate(
        "window.said = []; const word = document.querySelector('#connection [role=status]');"
        "new MutationObserver(() => said.push(word.textContent)).observe(word, {childList: true})"
    )
    for seconds in range(15, 20):
        stage.send("status", status(None, f"no flow has counted scores for {seconds} s"))
    expect(page.locator("#connection")).to_contain_text("19 s")
    stage.send("status", status())
    is_live(page)

    assert page.evaluate("said") == ["Problem", "Live"]


def test_a_stream_that_ends_is_opened_again_and_the_board_is_the_newest(stage, open_page):
    page = open_page()
    stage.first = [("board", board(("ann", 120)))]
    stage.end_streams()
    expect(page.locator("#connection")).to_have_text(LOST)
    is_live(page, timeout=40_000)
    expect(page.locator("#board tbody tr")).to_have_count(1)

    assert stage.watched() == 1


def test_a_stream_that_the_browser_gives_up_is_opened_again(stage, open_page):
    page = open_page()
    page.route("**/live", lambda route: route.fulfill(status=502))
    stage.end_streams()
    expect(page.locator("#connection")).to_have_text(LOST)
    page.wait_for_event("response", lambda response: response.status == 502)
    page.unroute("**/live")
    is_live(page, timeout=40_000)


def test_a_stream_that_never_opens_is_given_up_and_tried_again_after_growing_pauses(
    stage, open_with_clock
):
    stage.first, stage.beats = [], False  # a server that says nothing
    page = open_with_clock(said="Connecting")
    wait_for(page, "urls.length === 1")
    for number, pause in enumerate(PAUSES, 1):
        page.clock.fast_forward(CONNECT - 2_000)
        assert streams(page) == number
        page.clock.fast_forward(3_000)
        expect(page.locator("#connection")).to_have_text(LOST)
        page.clock.fast_forward(pause - 3_000)
        assert streams(page) == number
        page.clock.fast_forward(4_000)
        wait_for(page, f"urls.length === {number + 1}")
    stage.first = [("board", board(("ann", 120)))]
    page.clock.fast_forward(CONNECT + 1_000)  # the last silent stream is given up
    page.clock.fast_forward(PAUSES[-1])
    is_live(page)


def test_a_silent_stream_is_lost_and_opened_again_from_the_last_board(stage, open_with_clock):
    stage.first = [("board", board(("ann", 1)), "topic:7")]
    page = open_with_clock()
    page.clock.fast_forward(SILENCE - 2_000)
    is_live(page)
    page.clock.fast_forward(3_000)
    expect(page.locator("#connection")).to_have_text(LOST)
    page.clock.fast_forward(PAUSES[0])
    is_live(page)

    assert page.evaluate("urls") == [
        f"{stage.address}/live",
        f"{stage.address}/live?lastEventId=topic%3A7",
    ]


def test_a_page_that_is_shown_again_tries_at_once(stage, open_with_clock):
    page = open_with_clock()
    stage.end_streams()
    expect(page.locator("#connection")).to_have_text(LOST)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    wait_for(page, "urls.length === 2", seconds=0.9)  # the shortest pause is a second
    is_live(page)


def test_beats_alone_keep_a_stream_and_nothing_else_is_asked(stage, open_with_clock):
    page = open_with_clock()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    for _ in range(8):
        page.clock.fast_forward(15_000)
        send_beat(stage, page)
    is_live(page)

    assert streams(page) == 1
    assert requests == []


def test_a_server_that_is_full_says_so_and_is_not_asked_again_for_half_a_minute(
    stage, open_with_clock
):
    stage.first = [("status", {**status(None, "too many streams"), "refused": "full"})]
    page = open_with_clock(said="The server is full")
    expect(page.locator("#connection")).to_have_text(
        re.compile(f"^The server is full · as of {TIME}, next attempt at {TIME}$")
    )
    stage.first = [("status", status()), ("board", board(("ann", 1)))]
    page.clock.fast_forward(28_000)
    assert streams(page) == 1
    page.clock.fast_forward(3_000)
    is_live(page)


def test_a_server_that_is_behind_says_so(stage, open_page):
    stage.first = [("status", {**status(None, "this server is behind"), "refused": "behind"})]
    open_page(said="The server is not up to date · as of ")


def test_a_clock_that_is_wrong_makes_no_time_wrong(stage, open_with_clock):
    stage.first = [("board", board(("ann", 1), age=120))]
    page = open_with_clock(ahead_seconds=3_600)
    time = page.locator("#board time")
    expect(time).to_have_text("2 min ago")
    page.clock.set_system_time((now() / 1000) - 7_200)
    expect(time).not_to_have_text("2 min ago")
    send_beat(stage, page)
    expect(time).to_have_text("2 min ago")


def test_a_paused_page_stands_still_and_then_shows_the_newest(stage, open_with_clock):
    stage.first = [("board", board(("ann", 1))), ("score", score("ann", 1, 1))]
    page = open_with_clock()
    expect(page.locator("#scores tbody tr")).to_have_count(1)
    expect(page.locator("#history .labels li")).to_have_count(1)
    pause = page.get_by_role("switch", name="Pause")
    pause.click()
    expect(page.locator("#connection")).to_have_text(re.compile(f"^Paused · as of {TIME}$"))
    before = page.locator("main").inner_text()
    stage.send("board", board(("bob", 2), ("ann", 1)))
    stage.send("score", score("bob", 2, 2))
    stage.send("rate", {"time": now(), "per_second": 7})
    wait_for(page, "received.at(-1) === 'rate'")
    page.clock.run_for(20_000)

    assert page.locator("main").inner_text() == before
    page.get_by_role("switch", name="Pause").click()
    is_live(page)
    expect(page.locator("#board tr:not(.leaving) .name")).to_have_text(["bob", "ann"])
    expect(page.locator("#scores .name")).to_have_text(["bob", "ann"])
    expect(page.locator("#history .labels li")).to_have_text(["bob", "ann"])
    expect(pause).to_be_focused()

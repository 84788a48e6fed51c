"""The page with everything behind it: a real Kafka, both flows, the web app, and two windows."""

import re
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from local.claims import ports
from local.kafka import running as running_kafka
from tests.support.browser import needs_browser
from tests.support.processes import open_game, running
from tests.support.web_process import web

pytestmark = needs_browser

NAMES = ["<b>\"q'</b>", "ليلى", "a\u2028b", "😀", "x" * 1_000]
PATIENCE_MS = 60_000
OFFLINE_MS = {False: 5_000, True: 30_000}


@pytest.fixture
def windows(chrome):
    """Return what opens a window of its own, at an address."""
    with ExitStack() as stack:

        def window(address):
            page = stack.enter_context(chrome.new_context(locale="en-GB")).new_page()
            page.goto(address)
            is_live(page)
            return page

        yield window


def is_live(page):
    expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENCE_MS)


def leads(page, user, score):
    first = page.locator("#board tbody tr").first
    expect(first.locator(".name")).to_have_text(user, timeout=PATIENCE_MS)
    expect(first.locator(".score")).to_have_text(score, timeout=PATIENCE_MS)


def add(page, user, score, *words):
    page.get_by_label("User", exact=True).fill(user)
    page.get_by_label("Score", exact=True).fill(str(score))
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#answer")).to_have_text(re.compile("|".join(words)), timeout=PATIENCE_MS)


def test_from_the_form_of_one_window_to_a_moving_row_in_another(names, game, windows):
    with running(names), web(names) as address:
        game.send(*[(user, b"%d" % score) for score, user in enumerate(NAMES, 10)])
        game.drain()
        mine, other = windows(address), windows(address)
        leads(other, NAMES[-1], "14")
        row = other.locator("#board tbody tr", has_text=NAMES[0]).element_handle()
        add(mine, NAMES[0], 2**53 + 1, "^In the top 5")
        leads(other, NAMES[0], "9,007,199,254,740,993")
        add(mine, "ann", 1, "^New personal best")
        add(mine, "ann", 1, "^Counted, no new best")
        expect(other.locator("#scores .name").first).to_have_text("ann")
        moved_to = row.evaluate("row => row.rowIndex")
        other.reload()
        leads(other, NAMES[0], "9,007,199,254,740,993")

        assert moved_to == 1
        assert other.locator("#board .name").all_text_contents() == [NAMES[0], *NAMES[:0:-1]]
        assert other.locator("#players").text_content() == "6"


def test_a_window_that_was_offline_and_a_server_that_was_away_come_back(
    names, game, windows, pytestconfig
):
    names = {**names, "LEADERBOARD_WEB__PORT": str(ports(0)[0])}
    with running(names):
        with web(names) as address:
            page = windows(address)
            game.send(("ann", b"10"))
            leads(page, "ann", "10")
            page.context.set_offline(True)
            expect(page.locator("#connection")).to_contain_text("Reconnecting")
            game.send(("bob", b"20"))
            page.wait_for_timeout(OFFLINE_MS[pytestconfig.getoption("long")])
            page.context.set_offline(False)
            is_live(page)
            leads(page, "bob", "20")
        expect(page.locator("#connection")).to_contain_text("Reconnecting · as of ")
        game.send(("cid", b"30"))
        with web(names):
            is_live(page)
            leads(page, "cid", "30")


def test_a_score_that_nobody_counts_yet_is_received(names, game, windows):
    with web(names) as address:
        page = windows(address)
        add(page, "ann", 7, "^Received, not counted yet")
        expect(page.locator("#scores .name").first).to_have_text("ann")

        assert page.locator("#board + .empty").is_visible()
        assert game.read("scores")[-1].value == b"7"


def test_kafka_away_makes_the_board_stale_until_it_is_back(names, windows, monkeypatch, tmp_path):
    (port,) = ports(0)
    names = {**names, "LEADERBOARD_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"}
    with ExitStack() as kafka, ExitStack() as rest:
        kafka.enter_context(running_kafka(tmp_path, port))
        game = open_game(names, monkeypatch)
        rest.enter_context(running(names))
        page = windows(rest.enter_context(web(names)))
        game.send(("ann", b"10"))
        leads(page, "ann", "10")
        kafka.close()
        expect(page.locator("#connection")).to_have_text(
            re.compile(r"^Stale since \d\d:\d\d:\d\d: the broker of .* has not answered"),
            timeout=PATIENCE_MS,
        )
        leads(page, "ann", "10")
        kafka.enter_context(running_kafka(tmp_path, port))
        is_live(page)
        game.send(("bob", b"20"))
        leads(page, "bob", "20")

"""What the tests of the page share: a browser and a stage a module, and a page a test."""

import re

import pytest
from playwright.sync_api import expect

from conf.loading import load
from tests.support.browser import running
from tests.support.page_server import board, playing

EXPECTED = re.compile("net::|Failed to load resource|may sleep")  # complaints of the browser


@pytest.fixture(scope="module")
def chrome():
    with running() as browser:
        yield browser


@pytest.fixture(scope="module")
def theatre():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        with playing(load()) as stage:
            yield stage


@pytest.fixture
def stage(theatre):
    theatre.first = [("board", board())]
    return theatre


@pytest.fixture
def open_page(chrome, stage):
    """Give what opens the page; whatever it complains of fails the test."""
    complaints = []
    contexts = []

    def open_page(path="/", *, said="Live", **how):
        context = chrome.new_context(**{"locale": "en-GB", **how})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(stage.address + path)
        expect(page.locator("#connection")).to_contain_text(said)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [each for each in complaints if not EXPECTED.search(each)] == []

"""What the tests of the page share: a browser and a stage a module, and a page a test."""

import re
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from conf.loading import load
from tests.support.browser import running
from tests.support.page_server import board, now, playing

expect.set_options(timeout=30_000)  # it only ends a test that fails: a busy machine takes long
EXPECTED = re.compile("net::|Failed to load resource|may sleep")  # what the browser says by itself

# Count the streams that a page opens and the events that it receives.
COUNTING = """
Math.random = () => 1;
window.urls = [];
window.received = [];
window.EventSource = class extends EventSource {
  constructor(url) {
    super(url);
    urls.push(url);
    for (const name of ["board", "score", "rate", "story", "status", "beat"])
      this.addEventListener(name, () => received.push(name));
  }
};
"""

# Note each event that the page has shown, by what it sends to other tabs.
HEARING = """
window.heard = [];
new BroadcastChannel(new URL(document.documentElement.dataset.stream, document.baseURI).href)
  .addEventListener("message", ({data}) => heard.push(data.name));
"""


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
    theatre.beats = True
    return theatre


@pytest.fixture
def new_context(chrome):
    """Return what opens a browser context, which is closed after the test."""
    with ExitStack() as contexts:
        yield lambda **how: contexts.enter_context(chrome.new_context(**{"locale": "en-GB", **how}))


@pytest.fixture
def open_page(new_context, stage):
    """Return what opens the page; an error on its console fails the test."""
    errors = []

    def open_page(path="/", *, said="Live", **how):
        page = new_context(**how).new_page()
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(stage.address + path)
        expect(page.locator("#connection")).to_contain_text(said)
        return page

    yield open_page
    assert [each for each in errors if not EXPECTED.search(each)] == []


@pytest.fixture
def open_with_clock(new_context, stage):
    """Return what opens the page with a clock that the test moves, and random numbers at 1."""

    def open_with_clock(*, said="Live", ahead_seconds=0):
        page = new_context().new_page()
        page.clock.install(time=now() / 1000 + ahead_seconds)
        page.add_init_script(COUNTING)
        page.goto(stage.address)
        expect(page.locator("#connection")).to_contain_text(said)
        return page

    return open_with_clock

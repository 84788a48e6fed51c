"""Debian's chromium, driven by Playwright: one for all tests of a module."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.support.until import until_true

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-precise-memory-info",
    "--js-flags=--expose-gc",
)

# The characters of an element that take room, in the order in which they stand on the screen.
SEEN = """(element) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const seen = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (let index = 0; index < node.length; index++) {
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + 1);
      const { top, left, width } = range.getBoundingClientRect();
      if (width) seen.push({ top, left, letter: node.data[index] });
    }
  seen.sort((one, other) => one.top - other.top || one.left - other.left);
  return seen.map(({ letter }) => letter).join("");
}"""

needs_browser = pytest.mark.skipif(
    not CHROMIUM, reason="no chromium is installed: the page is not tried in a browser"
)


@contextmanager
def running() -> Iterator[Browser]:
    """Run the browser for the length of the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(SWITCHES), timeout=120_000
        )
        try:
            yield browser
        finally:
            browser.close()


def seen(locator: Locator) -> str:
    """Return the text of an element as a viewer reads it, from the left to the right."""
    text: str = locator.evaluate(SEEN)
    return text


def wait_for(page: Page, expression: str, seconds: float = 10) -> None:
    """Wait until an expression holds in a page; Playwright's own wait needs `eval`.

    Raises:
        TimeoutError: It did not within `seconds`.
    """
    until_true(lambda: page.evaluate(expression), seconds)

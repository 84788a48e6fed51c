"""Debian's chromium, driven by Playwright: one for all tests of a module."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

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

needs_browser = pytest.mark.skipif(
    not CHROMIUM, reason="no chromium is installed: the page is not tried in a browser"
)


@contextmanager
def running() -> Iterator[Browser]:
    """Run the browser for the length of the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(SWITCHES))
        try:
            yield browser
        finally:
            browser.close()


def wait_for(page: Page, expression: str, seconds: float = 10) -> None:
    """Wait until an expression holds in a page; Playwright's own wait needs `eval`.

    Raises:
        TimeoutError: It did not within `seconds`.
    """
    until_true(lambda: page.evaluate(expression), seconds)

"""HTTP/2 over TLS: many streams on one connection, with a real client and in a real browser."""

import asyncio
import ssl
from contextlib import AsyncExitStack, aclosing

import httpx
import pytest
import trustme
from httpx_sse import aconnect_sse
from playwright.async_api import async_playwright

from dataflows.leaderboard import Board, Row
from dataflows.wire import encode_board
from tests.support.browser import CHROMIUM, SWITCHES, needs_browser
from tests.support.served import serving
from tests.support.until import until

STREAMS = 30
TABS = 10  # with HTTP/1.1 the seventh would wait without end
PROTOCOL = "performance.getEntriesByType('navigation')[0].nextHopProtocol"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def secure(authority, tmp_path):
    """Return the settings of `[web]` for TLS."""
    issued = authority.issue_cert("localhost")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    for each in issued.cert_chain_pems:
        each.write_to_path(certificate, append=True)
    issued.private_key_pem.write_to_path(key)
    return {"certificate": str(certificate), "private_key": str(key)}


def put(served, players):
    document = encode_board(Board("all-time", players, 7, (Row(1, "ann", players, 5),)))
    served.feeds.put_boards([(f"topic:{players}", document)])
    return document.decode()


@pytest.fixture
def client(authority):
    """Return a client that trusts the certificate and uses HTTP/2."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return httpx.AsyncClient(http2=True, http1=False, verify=context, timeout=10)


async def boards(source):
    async for event in source.aiter_sse():
        if event.event == "board":
            yield event.data


async def test_one_connection_has_many_streams_and_each_ends_completely(
    secure, client, monkeypatch
):
    async with (
        serving(monkeypatch, **secure) as served,
        AsyncExitStack() as stack,
        client,
    ):
        live = f"https://localhost:{served.port}/live"
        first = put(served, 1)
        sources = [
            await stack.enter_async_context(aconnect_sse(client, "GET", live))
            for _ in range(STREAMS)
        ]
        streams = [await stack.enter_async_context(aclosing(boards(it))) for it in sources]
        before = await asyncio.gather(*map(anext, streams))
        second = put(served, 2)
        after = await asyncio.gather(*map(anext, streams))
        polled = await client.get(f"https://localhost:{served.port}/top5")
        connections = len(served.server)
        served.services.end()
        ends = await asyncio.gather(*(anext(each, "the end") for each in streams))

    assert {source.response.http_version for source in sources} == {"HTTP/2"}
    assert connections == 1
    assert (before, after) == ([first] * STREAMS, [second] * STREAMS)
    assert polled.text == second
    assert ends == ["the end"] * STREAMS


@needs_browser
async def test_ten_tabs_of_one_browser_are_all_live(secure, monkeypatch):
    async with (
        serving(monkeypatch, **secure) as served,
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES) as browser,
    ):
        put(served, 1)
        context = await browser.new_context(ignore_https_errors=True)
        await context.add_init_script("delete window.BroadcastChannel")  # a stream for each tab
        pages = [await context.new_page() for _ in range(TABS)]
        for page in pages:
            await page.goto(f"https://localhost:{served.port}/")
        await until(lambda: len(served.feeds.live) == TABS)
        put(served, 4_711)
        for page in pages:
            await page.wait_for_selector("#board >> text=4,711")
        protocols = [await page.evaluate(PROTOCOL) for page in pages]
        connections = len(served.server)
        await browser.close()

    assert protocols == ["h2"] * TABS
    assert connections == 1

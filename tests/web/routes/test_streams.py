"""The body of a stream, with and without a server."""

import httpx
import pytest
from httpx_sse import aconnect_sse

from conf.loading import load
from tests.support.served import serving
from tests.support.until import until
from web.routes import streams
from web.services import make_services


@pytest.mark.parametrize("chunks", [0, 1], ids=["before", "at"])
async def test_a_client_that_leaves_before_or_at_the_first_chunk_is_forgotten(chunks):
    services = make_services(load(), print, None)
    client = streams._Client("10.0.0.1", "", None, print)  # noqa: SLF001
    body = streams._body(services, services.feeds.live, client)  # noqa: SLF001
    for _ in range(chunks):
        await anext(body)
    await body.aclose()

    assert len(services.stream_limiter) == 0
    assert len(services.feeds.live) == 0


async def received(served, path):
    """Return what a library delivers of a stream until the server ends it."""
    async with (
        httpx.AsyncClient(base_url=f"http://localhost:{served.port}") as client,
        aconnect_sse(client, "GET", path) as source,
    ):
        await until(lambda: len(served.services.stream_limiter) == 1)
        beats = served.feeds.board.sent + served.feeds.live.sent + 2
        await until(lambda: served.feeds.board.sent + served.feeds.live.sent >= beats)
        served.services.end()
        return [event async for event in source.aiter_sse()]


@pytest.mark.parametrize("path", ["/highScores", "/live"])
async def test_a_library_delivers_no_empty_event_for_a_pause_or_a_heartbeat(monkeypatch, path):
    document = b'{"board":"all-time","players":1,"updated":7,"rows":[]}'
    async with serving(monkeypatch, heartbeat_seconds=0.1) as served:
        served.feeds.put_boards([("t:1", document)])
        events = await received(served, path)

    assert document.decode() in [event.data for event in events]
    assert all(event.data for event in events)
    assert events[0].retry


@pytest.mark.parametrize("path", ["/highScores", "/events", "/live"])
async def test_a_refused_stream_is_one_event_that_says_why(monkeypatch, path):
    async with (
        serving(monkeypatch, streams=1) as served,
        httpx.AsyncClient(base_url=f"http://localhost:{served.port}") as client,
    ):
        assert not served.services.stream_limiter.acquire("another")
        async with aconnect_sse(client, "GET", path) as source:
            events = [event async for event in source.aiter_sse()]

    assert [(event.event, event.json()["refused"]) for event in events] == [("status", "full")]
    assert events[0].retry
    assert events[0].retry >= 10_000

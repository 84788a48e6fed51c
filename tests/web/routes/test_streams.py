"""The body of a stream, with and without a server."""

import asyncio
import gc
import re

import httpx
import pytest
from httpx_sse import aconnect_sse

from conf.loading import load
from dataflows.leaderboard import Board, Row
from tests.support.boards import shown
from tests.support.served import serving
from tests.support.until import until
from web.live.freshness import Status
from web.live.recent import Score
from web.routes import streams
from web.server.handover import Connection
from web.services import make_services

LIVE = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n"
BOARD_AND_STATUS = LIVE.replace(b"/live", b"/live?events=board,status")
NAMES = re.compile(rb"event: (\w+)")


@pytest.mark.parametrize("chunks", [0, 1], ids=["before", "at"])
async def test_a_client_that_leaves_before_or_at_the_first_chunk_is_forgotten(chunks):
    services = make_services(load(), print, None)
    client = streams._Client("10.0.0.1", "", None, print)  # noqa: SLF001
    stream = streams._Stream(services.feeds.all_time.live, services.feeds.all_time)  # noqa: SLF001
    body = streams._body(services, stream, client)  # noqa: SLF001
    for _ in range(chunks):
        await anext(body)
    await body.aclose()

    assert len(services.stream_limiter) == 0
    assert len(services.feeds.all_time.live) == 0


async def test_of_a_connection_that_is_handed_over_only_the_transport_is_kept(monkeypatch):
    async with serving(monkeypatch) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(LIVE)
        await reader.readuntil(b"event: beat")
        await until(lambda: len(served.feeds.all_time.live) == 1)
        await until(lambda: not open_connections())
        writer.close()


def open_connections():
    gc.collect()
    made = [each for each in gc.get_objects() if isinstance(each, Connection)]
    return [each for each in made if not each.transport.is_closing()]


async def received(served, path):
    """Return what a library delivers of a stream until the server ends it."""
    async with (
        httpx.AsyncClient(base_url=f"http://localhost:{served.port}") as client,
        aconnect_sse(client, "GET", path) as source,
    ):
        await until(lambda: len(served.services.stream_limiter) == 1)
        beats = served.feeds.board.sent + served.feeds.all_time.live.sent + 2
        await until(lambda: served.feeds.board.sent + served.feeds.all_time.live.sent >= beats)
        served.services.end()
        return [event async for event in source.aiter_sse()]


@pytest.mark.parametrize("path", ["/highScores", "/live"])
async def test_a_library_delivers_no_empty_event_for_a_pause_or_a_heartbeat(monkeypatch, path):
    board = shown("t:1", Board("all-time", 1, 7, ()))
    async with serving(monkeypatch, heartbeat_seconds=0.1) as served:
        served.feeds.put_boards([board])
        events = await received(served, path)

    assert board.document.decode() in [event.data for event in events]
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


async def test_live_sends_the_chosen_events_alone(monkeypatch):
    board = Board("all-time", 1, 1, (Row(1, "ann", 1, 1),))
    async with serving(monkeypatch) as served:
        served.feeds.put_status(Status(None, ()))
        served.feeds.put_boards([shown("t:1", board)])
        served.feeds.put_scores([Score(5, 0, 1, "ann", 1)])
        await until(lambda: served.feeds.newest_scores)  # later than the board if the loop is late
        chosen = await served.say_until(b"event: beat", BOARD_AND_STATUS)
        everything = await served.say_until(b"event: beat", LIVE)

    assert set(NAMES.findall(chosen)) == {b"status", b"board", b"beat"}
    assert set(NAMES.findall(everything)) == {b"story", b"status", b"board", b"score", b"beat"}


async def test_a_change_reaches_only_the_streams_that_have_chosen_it(monkeypatch):
    board = Board("all-time", 1, 1, (Row(1, "ann", 1, 1),))
    async with serving(monkeypatch) as served:
        asked = LIVE.replace(b"/live", b"/live?events=status")
        talk = asyncio.create_task(served.say(asked))
        await until(lambda: sum(map(len, served.feeds.live_hubs())))
        served.feeds.put_boards([shown("t:1", board)])
        served.feeds.put_status(Status(7, ("away",)))
        await served.stop()
        received = await talk

    assert b"event: board" not in received
    assert received.count(b'"stale_since":7') == 1


async def test_an_unknown_event_is_refused_by_its_name(monkeypatch):
    async with serving(monkeypatch) as served:
        status, _, body = await served.ask("/live?events=board,boards")

    assert status == 400
    assert b"boards" in body


@pytest.mark.parametrize("around", ["51", "-1", "two", ""])
async def test_rows_around_beyond_their_limits_are_refused(monkeypatch, around):
    async with serving(monkeypatch) as served:
        status, _, body = await served.ask(f"/live?user=ann&around={around}")

    assert status == 400
    assert b"around must be a number from 0 to 50" in body


async def test_each_event_stays_under_60_kib(monkeypatch):
    rows = tuple(Row(n, "x" * 4_000 + str(n), n, 1) for n in range(1, 101))
    board = Board("all-time", 100, 1, rows)
    async with serving(monkeypatch) as served:
        for number in range(100):
            served.feeds.put_boards([shown(f"t:{number}", board)])
        received = await served.say_until(b"event: beat", LIVE)
        _, _, whole = await served.ask("/top5")

    sizes = {len(line) for line in received.split(b"\n") if line.startswith(b"data: ")}
    assert 50_000 < max(sizes) <= 60 * 1024 + len(b"data: ")
    assert len(whole) > 400_000


async def test_the_metrics_say_what_was_skipped_and_how_late_the_loop_is(monkeypatch):
    board = Board("all-time", 1, 1, (Row(1, "ann", 1, 1),))
    async with serving(monkeypatch, updates_per_second=1) as served:
        for number in range(4):
            served.feeds.put_boards([shown(f"t:{number}", board)])
        _, _, body = await served.ask("/metrics")

    assert b'leaderboard_web_skipped_total{of="board"} 2.0' in body
    assert b"leaderboard_web_lateness_seconds " in body
    assert b"leaderboard_web_sent_board_age_seconds " in body

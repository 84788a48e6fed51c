"""The routes of the streams: each sends what there is, then what is new, as long as it lasts."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from functools import partial
from random import Random
from typing import NamedTuple

from quart import Blueprint, Response, request

from web.live import freshness, sse
from web.live.feeds import beat
from web.live.hub import Hub, Lender
from web.services import Services

RETRY_MS = (1_000, 6_000)  # when a client comes back after its stream ended
REFUSED_RETRY_MS = (10_000, 30_000)  # and when there was no place for it
BEHIND_SECONDS = 10  # for this process to get the board that a client saw from another one

# An EventSource gives up for good on any status but 200: the polite refusal is a stream that ends.
REFUSALS = {
    "full": "too many streams are open; try again later",
    "behind": "this server is behind; another one may not be",
}

_random = Random()  # noqa: S311 - it spreads clients, nothing is secret


class _Stream(NamedTuple):
    """One of the streams, and what a client gets beside its state."""

    broadcast: Hub
    opening: Callable[[str], bytes]  # before its state, by the id that the client saw last
    closing: Callable[[], bytes]  # after its state
    refusal: Callable[[str], bytes]  # instead of its state, by the reason


class _Client(NamedTuple):
    """Who wants a stream, and how it can be served and dropped."""

    name: str
    resume: str  # the id of the last event that it saw, or ""
    lender: Lender | None  # its connection, where a stream can be written to it directly
    cut: Callable[[], object]


def routes(services: Services) -> Blueprint:
    """Give the routes of the streams."""
    streams = Blueprint("streams", __name__)
    feeds = services.feeds

    @streams.get("/highScores")
    async def high_scores() -> Response:
        return _respond(services, _Stream(feeds.board, _nothing, bytes, _comment))

    @streams.get("/events")
    async def events() -> Response:
        return _respond(services, _Stream(feeds.scores, _nothing, bytes, _comment))

    @streams.get("/live")
    async def live() -> Response:
        return _respond(services, _Stream(feeds.live, feeds.story, beat, _status))

    return streams


def _nothing(_resume: str) -> bytes:
    return b""


def _comment(reason: str) -> bytes:
    return sse.comment(REFUSALS[reason])


def _status(reason: str) -> bytes:
    return sse.event(freshness.encode_refusal(reason, REFUSALS[reason]), name="status")


def _respond(services: Services, stream: _Stream) -> Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.method == "HEAD":  # a body that never ends must not be begun
        return Response(b"", mimetype=sse.MIME_TYPE, headers=headers)
    client = _client(services)
    if client.lender is not None:
        headers["Connection"] = "close"  # it is the stream's alone
    body = _body(services, stream, client)
    response = Response(body, mimetype=sse.MIME_TYPE, headers=headers)
    response.timeout = None  # Quart would cut it after a minute
    return response


def _client(services: Services) -> _Client:
    resume = sse.last_event_id(
        request.headers.get("Last-Event-ID"), request.args.get("lastEventId")
    )
    connection = request.scope.get("state", {}).get("connection")  # of our own server
    task = asyncio.current_task()
    cut = connection.transport.abort if connection else task.cancel if task else lambda: None
    lender = connection if request.http_version == "1.1" else None
    return _Client(services.client(request), resume, lender, cut)


async def _body(
    services: Services, stream: _Stream, client: _Client
) -> AsyncGenerator[bytes, None]:
    if not services.places.take(client.name):
        yield sse.retry(*REFUSED_RETRY_MS, _random) + stream.refusal("full")
        return
    try:
        async with aclosing(_level(services, client)) as beats:
            async for beat in beats:
                yield beat
        if services.feeds.is_behind(client.resume) and services.feeds.is_stale():
            yield stream.refusal("behind")
            return
        async with aclosing(_chunks(services, stream, client)) as chunks:
            async for chunk in chunks:
                yield chunk
    finally:
        if client.lender is None or not client.lender.is_handed_over:  # else it goes on
            services.places.leave(client.name)


async def _level(services: Services, client: _Client) -> AsyncGenerator[bytes, None]:
    """Yield heartbeats until this process has the board that the client saw, for 10 s at most.

    Another process was ahead of this one: the client must see no step back. After 10 s the board of
    a process that is well goes out all the same: its topic has lost what the client saw.
    """
    feeds = services.feeds
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BEHIND_SECONDS
    chunk = sse.retry(*RETRY_MS, _random)
    while feeds.is_behind(client.resume) and (left := deadline - loop.time()) > 0:
        yield chunk
        chunk = sse.HEARTBEAT
        with suppress(TimeoutError):
            seconds = min(left, services.settings.web.heartbeat_seconds)
            await asyncio.wait_for(feeds.next_board(), seconds)


def _chunks(services: Services, stream: _Stream, client: _Client) -> AsyncGenerator[bytes, None]:
    broadcast = stream.broadcast
    state, version = broadcast.snapshot(client.resume)
    first = sse.retry(*RETRY_MS, _random) + stream.opening(client.resume) + state + stream.closing()
    if client.lender is None:
        return broadcast.follow(first, version, client.cut)
    leave = partial(services.places.leave, client.name)
    return broadcast.lend(first, version, client.lender, leave)

"""The routes of the streams: each sends what there is, then what is new, as long as it lasts."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from random import Random
from typing import NamedTuple

from quart import Blueprint, Response, request

from web import sse
from web.broadcast import Broadcast
from web.parts import Parts

RETRY_MS = (1_000, 6_000)  # when a client comes back after its stream ended
REFUSED_RETRY_MS = (10_000, 30_000)  # and when there was no place for it

# An EventSource gives up for good on any status but 200: the polite refusal is a stream that ends.
REFUSED = "too many streams are open; try again later"

_random = Random()  # noqa: S311 - it spreads clients, nothing is secret


class _Client(NamedTuple):
    """Who wants a stream, and how it can be served and dropped."""

    name: str
    resume: str  # the id of the last event that it saw, or ""
    transport: asyncio.WriteTransport | None  # to be written to directly, where that is possible
    cut: Callable[[], object]


def routes(parts: Parts) -> Blueprint:
    """Give the routes of the streams."""
    streams = Blueprint("streams", __name__)
    feeds = parts.feeds

    @streams.get("/highScores")
    async def high_scores() -> Response:
        return _respond(parts, feeds.board)

    @streams.get("/events")
    async def events() -> Response:
        return _respond(parts, feeds.scores)

    @streams.get("/live")
    async def live() -> Response:
        return _respond(parts, feeds.live)

    return streams


def _respond(parts: Parts, stream: Broadcast) -> Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.method == "HEAD":  # a body that never ends must not be begun
        return Response(b"", mimetype=sse.MIME_TYPE, headers=headers)
    body = _body(parts, stream, _client(parts))
    response = Response(body, mimetype=sse.MIME_TYPE, headers=headers)
    response.timeout = None  # Quart would cut it after a minute
    return response


def _client(parts: Parts) -> _Client:
    resume = sse.last_event_id(
        request.headers.get("Last-Event-ID"), request.args.get("lastEventId")
    )
    transport = request.scope.get("state", {}).get("transport")  # of our own server
    task = asyncio.current_task()
    cut = transport.abort if transport else task.cancel if task else lambda: None
    direct = transport if request.http_version == "1.1" else None
    return _Client(parts.client(request), resume, direct, cut)


async def _body(parts: Parts, stream: Broadcast, client: _Client) -> AsyncGenerator[bytes, None]:
    if not parts.places.take(client.name):
        yield sse.retry(*REFUSED_RETRY_MS, _random) + sse.comment(REFUSED)
        return
    try:
        async with aclosing(_chunks(stream, client)) as chunks:
            async for chunk in chunks:
                yield chunk
    finally:
        parts.places.leave(client.name)


def _chunks(stream: Broadcast, client: _Client) -> AsyncGenerator[bytes, None]:
    state, version = stream.snapshot(client.resume)
    first = sse.retry(*RETRY_MS, _random) + state
    if client.transport is None:
        return stream.follow(first, version, client.cut)
    return stream.lend(first, version, client.transport)

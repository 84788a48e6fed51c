"""The routes of the streams: each sends the state, then every change, for as long as it is open."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial
from random import Random
from typing import NamedTuple

from quart import Blueprint, Response, abort, request

from dataflows.periods import ALL_TIME
from web.live import freshness, sse
from web.live.board import LIVE, BoardFeed, beat
from web.live.feeds import Feeds
from web.live.hub import Hub
from web.live.subscribers import GeneratorSubscriber
from web.ranks.watches import Watch
from web.routes import asked
from web.server.handover import Connection
from web.services import Services

RETRY_MS = (1_000, 6_000)  # before a client reconnects after its stream has ended
EVENTS = {*LIVE, "story"}  # that a client of `live` may choose; it gets every `beat`
REFUSED_RETRY_MS = (10_000, 30_000)  # the same, after it was refused
BEHIND_SECONDS = 10  # for this process to read the board that a client got from another process

HEADERS = {
    "Cache-Control": "no-store, no-transform",
    # Caddy 2.6 compresses in spite of no-transform, and then holds events back.
    "Content-Encoding": "identity",
    "X-Accel-Buffering": "no",  # nginx would buffer
}

_random = Random()  # noqa: S311 - it spreads clients, nothing is secret


class _Client(NamedTuple):
    """A client that asks for a stream."""

    address: str
    resume: str  # the id of the last event that it received, or ""
    connection: Connection | None  # to hand over; None for HTTP/1.0, and on another server
    cut: Callable[[], object]  # drops it


class _Stream(NamedTuple):
    """What a client asks for."""

    hub: Hub
    feed: BoardFeed
    has_story: bool = False
    has_beat: bool = False
    watch: Watch | None = None

    def is_behind(self, feeds: Feeds, client: _Client) -> bool:
        """Return whether the client has a newer board than this stream."""
        return feeds.is_behind(client.resume, self.feed.newest_id)


def blueprint(services: Services) -> Blueprint:
    """Return the routes `/highScores`, `/events` and `/live`."""
    streams = Blueprint("streams", __name__)
    feeds = services.feeds

    @streams.get("/highScores")
    async def high_scores() -> Response:
        return _respond(services, _Stream(feeds.board, feeds.all_time))

    @streams.get("/events")
    async def events() -> Response:
        return _respond(services, _Stream(feeds.scores, feeds.all_time))

    @streams.get("/live")
    async def live() -> Response:
        chosen = request.args.get("events")
        events = EVENTS if chosen is None else set(chosen.split(","))
        if unknown := events - EVENTS:
            known = ", ".join(sorted(EVENTS))
            abort(400, f"events must be of {known}, with commas between, not {sorted(unknown)}")
        feed = asked.board(feeds, request.args.get("board", ALL_TIME))
        hub, has_story = feed.live_of(events), "story" in events
        watch = _watch(feed.name)
        stream = _Stream(hub, feed, has_story=has_story, has_beat=True, watch=watch)
        return _respond(services, stream)

    def _watch(board: str) -> Watch | None:
        user = request.args.get("user")
        around = asked.around() if "around" in request.args else None
        return Watch(services.rankings, board, user, around) if user else None

    return streams


def _respond(services: Services, stream: _Stream) -> Response:
    headers = dict(HEADERS)
    if request.method == "HEAD":  # a body without an end must not be started
        return Response(b"", mimetype=sse.MIME_TYPE, headers=headers)
    client = _client(services)
    if client.connection is not None:
        headers["Connection"] = "close"  # nothing else can be sent on it
    response = Response(_body(services, stream, client), mimetype=sse.MIME_TYPE, headers=headers)
    response.timeout = None  # Quart would end it after a minute
    return response


def _client(services: Services) -> _Client:
    resume = sse.last_event_id(
        request.headers.get("Last-Event-ID"), request.args.get("lastEventId")
    )
    connection: Connection | None = request.scope.get("state", {}).get("connection")
    task = asyncio.current_task()
    cut = connection.abort if connection else task.cancel if task else lambda: None
    can_hand_over = request.http_version == "1.1"
    address = services.asking.client_address(request)
    return _Client(address, resume, connection if can_hand_over else None, cut)


async def _body(
    services: Services, stream: _Stream, client: _Client
) -> AsyncGenerator[bytes, None]:
    """Yield the state, then each change, unless the connection is handed over to the hub for these.

    A client that got a newer board from another process must see no older one: it gets heartbeats
    until this process has read that board, for 10 s at most. By then either the topic has lost that
    board, and the client gets the newest one, or Kafka is away, and the stream ends.

    The client is counted and added in here, not before: one that leaves before the first byte never
    starts the generator, and must leak nothing.
    """
    feeds, hub, loop = services.feeds, stream.hub, asyncio.get_running_loop()
    if limit := services.stream_limiter.acquire(client.address):
        services.refusals.add("stream", limit, client.address)
        yield _refusal("full", REFUSED_RETRY_MS)
        return
    release = partial(_release, services, stream.watch, client.address)  # not the Connection
    subscriber = GeneratorSubscriber(hub.catch_up, client.cut)
    is_handed_over = False
    try:
        deadline = loop.time() + BEHIND_SECONDS
        while stream.is_behind(feeds, client) and (left := deadline - loop.time()) > 0:
            yield sse.HEARTBEAT
            await feeds.next_board(min(left, services.settings.web.heartbeat_seconds))
        if stream.is_behind(feeds, client) and feeds.is_stale():
            yield _refusal("behind", RETRY_MS)
            return
        state, version = hub.snapshot(client.resume)
        history = stream.feed.history(client.resume) if stream.has_story else b""
        rank = stream.watch.first() if stream.watch else b""
        events = history + state + rank + (beat() if stream.has_beat else b"")
        yield sse.retry(*RETRY_MS, _random) + events if events else sse.HEARTBEAT
        if client.connection is not None:
            is_handed_over = True
            added = client.connection.hand_over(hub, version, on_closed=release)
            if stream.watch and added:
                services.watches.add(stream.watch, hub, added)
            return
        hub.add(subscriber, version)
        if stream.watch:
            services.watches.add(stream.watch, hub, subscriber)
        async for chunk in subscriber:
            yield chunk
    finally:
        hub.remove(subscriber)
        if not is_handed_over:
            release()


def _release(services: Services, watch: Watch | None, address: str) -> None:
    services.stream_limiter.release(address)
    if watch:
        services.watches.remove(watch)


def _refusal(reason: str, retry_ms: tuple[int, int]) -> bytes:
    """Return the only event of a stream that is refused; its name hides it from `onmessage`."""
    data = freshness.encode_refusal(reason)
    return sse.retry(*retry_ms, _random) + sse.event(data, name="status")

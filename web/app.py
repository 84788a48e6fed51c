"""The app: its services, their start and end, its routes, and what every answer carries."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from quart import Quart, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from conf.settings import Settings, load
from web import routes
from web.access import cors
from web.access.limits import ConcurrencyLimiter, RateLimiter
from web.access.requests import guard
from web.kafka import boards, scores
from web.kafka.producer import Post
from web.kafka.reader import TopicReader
from web.live import freshness
from web.live.feeds import Feeds
from web.metrics import Metrics
from web.posting.submission import Rules
from web.posting.waiting import ScoreWatcher
from web.services import OnLoop, Services, Ticks

log = logging.getLogger(__name__)

BODY_SECONDS = 10  # for a request's body to arrive
UNFIT = {400, 408, 413, 414, 431}  # after which nothing on the connection can be trusted

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def _log_only(error: Exception) -> None:
    log.critical("the board cannot be shown: %s", error)


def create_app(
    settings: Settings | None = None,
    *,
    given_up: Callable[[Exception], None] = _log_only,
    worker: int | None = None,
) -> Quart:
    """Make the app; it starts its relays when it is served.

    Args:
        settings: Read from where they stand if None.
        given_up: Called, on the event loop, when a topic was never there in time or is wrong.
        worker: The number that the metrics carry, where several processes share a port.
    """
    settings = settings or load()
    app = Quart(__name__)
    rules = Rules(settings.user_max_bytes, settings.topics.scores.format)
    app.config.update(MAX_CONTENT_LENGTH=rules.body_max_bytes, BODY_TIMEOUT=BODY_SECONDS)
    services = _parts(settings, given_up, worker)
    app.extensions["leaderboard"] = services
    for blueprint in routes.blueprints(services):
        app.register_blueprint(blueprint)
    app.before_request(guard(settings.web))
    app.before_serving(partial(_start, services))
    app.after_serving(partial(_stop, services))
    app.after_request(partial(_finish, settings.web.cors_origins))
    app.register_error_handler(HTTPException, _explain)
    return app


def _parts(
    settings: Settings, given_up: Callable[[Exception], None], worker: int | None
) -> Services:
    feeds = Feeds(settings.web)
    on_loop = OnLoop()

    def read_board(relay: TopicReader) -> None:
        boards.read(relay, settings, on_loop.wrap(feeds.put_boards))

    def read_scores(relay: TopicReader) -> None:
        scores.read(relay, settings, on_loop.wrap(feeds.put_scores), on_loop.wrap(feeds.put_ends))

    give_up = on_loop.wrap(given_up)
    relays = (
        TopicReader(settings.topics.top_5.name, read_board, give_up),
        TopicReader(settings.topics.scores.name, read_scores, give_up),
    )
    web = settings.web
    started_ms = time.time_ns() // 1_000_000

    def judge() -> None:
        feeds.put_status(freshness.status(relays[0], relays[1:], started_ms))

    return Services(
        settings,
        feeds,
        relays,
        on_loop,
        Post(settings),
        ScoreWatcher(settings),
        RateLimiter(web.posts_per_second, web.posts_burst),
        ConcurrencyLimiter(web.streams, web.streams_per_client),
        Metrics(feeds, relays, worker),
        Ticks(judge),
    )


async def _start(services: Services) -> None:
    services.on_loop.begin()
    services.post.start()
    for relay in services.relays:
        relay.start()
    services.ticks.begin()


async def _stop(services: Services) -> None:
    services.ticks.stop()
    services.end()
    stops = [asyncio.to_thread(relay.stop) for relay in services.relays]
    await asyncio.gather(*stops, asyncio.to_thread(services.post.stop), services.follower.stop())


async def _finish(cors_origins: tuple[str, ...], response: Response) -> Response:
    origin = request.headers.get("Origin", "")
    response.headers.update(HEADERS)
    response.headers.update(cors.headers(request.path, request.method, origin, cors_origins))
    return response


async def _explain(error: HTTPException) -> Response:
    answer = jsonify({"error": error.description or error.name})
    answer.status_code = error.code or 500
    if isinstance(error, MethodNotAllowed):
        answer.headers["Allow"] = ", ".join(error.valid_methods or ())
    if error.code in UNFIT and request.http_version != "2":
        answer.headers["Connection"] = "close"
    return answer

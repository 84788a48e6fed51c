"""The dashboard, its form and its files: complete without JavaScript, live with it.

Every address in the page is relative, so that a proxy may serve it at any path.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from quart import Blueprint, Response, abort, render_template, request

from dataflows.periods import ALL_TIME
from web.access import origin
from web.live.board import BoardFeed
from web.posting.outcome import OUTCOMES
from web.posting.submission import Refused
from web.routes import asked
from web.routes.board import find
from web.services import Services

FOR_EVER = "public, max-age=31536000, immutable"
LAST_TIME_MS = 253_402_300_799_999  # of the year 9999


def blueprint(services: Services) -> Blueprint:
    """Return the routes of the dashboard and its files."""
    pages = Blueprint("pages", __name__)
    pages.add_app_template_filter(iso)

    @pages.get("/")
    async def dashboard() -> Response:
        response = Response(await render(services))
        response.headers["Cache-Control"] = "no-cache"
        if services.hides_host(request):
            response.set_cookie(origin.COOKIE, "1", path=None, httponly=True, samesite="Strict")
        return response

    @pages.get("/static/<path:filename>")
    async def static(filename: str) -> Response:
        version, _, name = filename.partition("/")
        is_versioned = version == services.files.version
        file = services.files.find(name if is_versioned else filename) or abort(404)
        response = Response(file.content, mimetype=file.mimetype)
        if request.if_none_match.contains_weak(file.etag):
            response = Response(b"", HTTPStatus.NOT_MODIFIED)
        response.set_etag(file.etag)
        response.headers["Cache-Control"] = FOR_EVER if is_versioned else "no-cache"
        return response

    return pages


async def render(
    services: Services,
    *,
    error: Refused | None = None,
    posted: Mapping[str, str] | None = None,
) -> str:
    """Render the page with the newest board; after a refused post, with its error and fields."""
    feed = asked.board(services.feeds, request.args.get("board", ALL_TIME))
    period = asked.period(feed, request.args.get("period") or None)
    hall = request.args.get("display") == "hall"
    outcome = request.args.get("outcome")  # of a score posted without JavaScript
    return await render_template(
        "dashboard.html",
        static=f"static/{services.files.version}",
        stream=_stream(feed, period, hall=hall),
        boards=services.feeds.boards,
        board=find(services.feeds, feed, period).board,
        current=feed.period.name,
        neighbours=feed.neighbours(period),
        lowest=services.settings.order == "lowest",
        scores=services.feeds.newest_scores[::-1],
        size=services.settings.top5.size,
        user_max_bytes=services.settings.user_max_bytes,
        score_bits=32 if services.settings.topics.scores.format == "int32" else 64,
        heartbeat_seconds=services.settings.web.heartbeat_seconds,
        title=services.settings.web.title,
        form=services.settings.web.form,
        token=bool(services.settings.web.token),
        outcome=outcome if outcome in OUTCOMES else None,
        hall=hall,
        error=error,
        posted=posted or {},
    )


def _stream(feed: BoardFeed, period: str, *, hall: bool) -> str:
    """Return the address of the page's stream; all earlier periods have one, without a board."""
    is_current = period == feed.period.name
    events = (["status"] if hall else ["status", "score", "rate"]) + ["board"] * is_current
    chosen = [f"events={','.join(events)}"] if hall or not is_current else []
    board = [f"board={feed.name}"] if feed.name != ALL_TIME and is_current else []
    return "?".join(filter(None, ("live", "&".join(chosen + board))))


def iso(time_ms: int) -> str:
    """Format a time for the attribute `datetime`; the year 9999 is the last."""
    moment = datetime.fromtimestamp(min(time_ms, LAST_TIME_MS) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The dashboard and its form: complete without JavaScript, live with it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from quart import Blueprint, render_template, request

from web.posting.outcome import OUTCOMES
from web.posting.submission import Refused
from web.services import Services

LAST_TIME_MS = 253_402_300_799_999  # of the year 9999


def blueprint(services: Services) -> Blueprint:
    """Return the route of the dashboard."""
    pages = Blueprint("pages", __name__)
    pages.add_app_template_filter(iso)

    @pages.get("/")
    async def dashboard() -> str:
        return await render(services)

    return pages


async def render(
    services: Services,
    *,
    error: Refused | None = None,
    posted: Mapping[str, str] | None = None,
) -> str:
    """Render the page with the newest board; after a refused post, with its error and fields."""
    outcome = request.args.get("outcome")  # of a score posted without JavaScript
    return await render_template(
        "dashboard.html",
        board=services.feeds.newest_board,
        scores=services.feeds.newest_scores()[::-1],
        size=services.settings.top5.size,
        user_max_bytes=services.settings.user_max_bytes,
        score_bits=32 if services.settings.topics.scores.format == "int32" else 64,
        heartbeat_seconds=services.settings.web.heartbeat_seconds,
        token=bool(services.settings.web.token),
        outcome=outcome if outcome in OUTCOMES else None,
        hall=request.args.get("display") == "hall",
        error=error,
        posted=posted or {},
    )


def iso(time_ms: int) -> str:
    """Format a time for the attribute `datetime`; the year 9999 is the last."""
    moment = datetime.fromtimestamp(min(time_ms, LAST_TIME_MS) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

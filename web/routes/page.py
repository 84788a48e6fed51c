"""The dashboard and its form: complete without JavaScript, live with it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from quart import Blueprint, render_template, request

from web.posting.outcome import OUTCOMES, Outcome
from web.posting.submission import BadSubmission
from web.services import Services

LAST_TIME_MS = 253_402_300_799_999  # of the year 9999


def routes(services: Services) -> Blueprint:
    """Give the route of the dashboard."""
    pages = Blueprint("pages", __name__)
    pages.add_app_template_filter(iso)

    @pages.get("/")
    async def dashboard() -> str:
        return await render(services)

    return pages


async def render(
    services: Services,
    *,
    error: BadSubmission | None = None,
    posted: Mapping[str, str] | None = None,
) -> str:
    """Write the page as it is now, with what was wrong with a post, and what was posted."""
    return await render_template(
        "dashboard.html",
        board=services.feeds.newest_board,
        scores=services.feeds.newest_scores()[::-1],
        size=services.settings.top5.size,
        user_max_bytes=services.settings.user_max_bytes,
        score_bits=32 if services.settings.topics.scores.format == "int32" else 64,
        heartbeat_seconds=services.settings.web.heartbeat_seconds,
        token=bool(services.settings.web.token),
        outcome=_outcome(request.args.get("outcome")),
        hall=request.args.get("display") == "hall",
        error=error,
        posted=posted or {},
    )


def _outcome(named: str | None) -> Outcome | None:
    """Read what became of a score that a form without JavaScript has posted."""
    return next((outcome for outcome in OUTCOMES if outcome == named), None)


def iso(time_ms: int) -> str:
    """Write a time as browsers read it; the year 9999 is the last."""
    moment = datetime.fromtimestamp(min(time_ms, LAST_TIME_MS) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The dashboard, its form and its files: complete without JavaScript, live with it.

Every address in the page is relative, so that a proxy may serve it at any path.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlencode

from quart import Blueprint, Response, abort, render_template, request

from dataflows.periods import ALL_TIME
from web.access import origin
from web.live.board import BoardFeed
from web.live.feeds import Feeds
from web.posting.outcome import OUTCOMES
from web.posting.submission import Refused
from web.ranks import documents
from web.ranks.documents import COUNT, Document
from web.ranks.rankings import NoScore, NotRanked
from web.routes import answers, asked
from web.services import Services

FOR_EVER = "public, max-age=31536000, immutable"
DISPLAYS = ("hall", "embed")  # of the board alone
THEMES = ("light", "dark")
NAME_MAX = 256  # characters of a player that the page looks for
TURNS = re.compile("[\u2028-\u202e\u2066-\u2069]")  # they end the isolation of a <bdi> too
LAST_TIME_MS = 253_402_300_799_999  # of the year 9999


def blueprint(services: Services) -> Blueprint:
    """Return the routes of the dashboard and its files."""
    pages = Blueprint("pages", __name__)
    pages.add_app_template_filter(iso)
    pages.add_app_template_filter(services.texts.group, "grouped")
    pages.add_app_template_filter(in_sentence)
    pages.add_app_template_global(services.texts.fill, "text")

    @pages.get("/")
    async def dashboard() -> Response:
        page = _render_ranks if "from" in request.args else render
        response = Response(await page(services))
        response.headers["Cache-Control"] = "no-cache"
        if services.asking.hides_host(request):
            response.set_cookie(origin.COOKIE, "1", path=None, httponly=True, samesite="Strict")
        return response

    @pages.get("/static/<path:filename>")
    async def static(filename: str) -> Response:
        version, _, name = filename.partition("/")
        is_versioned = version == services.files.version
        file = services.files.find(name if is_versioned else filename) or abort(404)
        response = Response(file.content, mimetype=file.mimetype)
        response.set_etag(file.etag)
        response.headers["Cache-Control"] = FOR_EVER if is_versioned else "no-cache"
        return await response.make_conditional(request)

    return pages


async def _render_ranks(services: Services) -> str:
    """Render a page of a whole board, from a rank on."""
    feed, period = _asked(services.feeds)
    first = asked.first()
    shown = services.feeds.shown(feed, period).board
    user = request.args.get("user", "")
    page = _ranked(services, feed.name, period, lambda it: documents.page(it, first, COUNT))
    players = page.get("players", 0)
    before = max(1, min(first, players + 1) - COUNT) if first > 1 else 0
    after = first + COUNT if first + COUNT <= players else 0
    return await render_template(
        "ranks.html",
        **_head_fields(services, feed, user),
        board=shown,
        page=page,
        count=COUNT,
        turns=(before, after),
    )


def _asked(feeds: Feeds) -> tuple[BoardFeed, str]:
    feed = asked.board(feeds, request.args.get("board", ALL_TIME))
    return feed, asked.period(feed, request.args.get("period") or None)


def _head_fields(services: Services, feed: BoardFeed, user: str) -> Document:
    """Return what the head and the links of each page need."""
    return {
        "static": f"static/{services.files.version}",
        "title": services.settings.web.title,
        "texts": services.texts.json,
        "boards": services.feeds.boards,
        "current": feed.period.name,
        "link": partial(_link, services.feeds, user),
        "user": user,
    }


async def render(
    services: Services,
    *,
    error: Refused | None = None,
    posted: Mapping[str, str] | None = None,
) -> str:
    """Render the page with the newest board; after a refused post, with its error and fields."""
    feed, period = _asked(services.feeds)
    display = _choice("display", DISPLAYS)
    user = "" if display else request.args.get("user", "")
    board, size = services.feeds.shown(feed, period).board, services.settings.top5.size
    shown = min(asked.number("rows", size, 1, 1_000), size) if display == "embed" else size
    card = partial(documents.player, name=user, distance=documents.AROUND)
    outcome = request.args.get("outcome")  # of a score posted without JavaScript
    return await render_template(
        "dashboard.html",
        **_head_fields(services, feed, user),
        stream=_stream(feed, period, user, is_alone=bool(display)),
        player=_ranked(services, feed.name, period, card) if user else {},
        has_ranks=services.settings.web.ranks and services.rankings.is_kept(feed.name, period),
        board=board,
        rows=board.rows[:shown] if display == "embed" else board.rows,
        neighbours=feed.neighbours(period),
        lowest=services.settings.order == "lowest",
        scores=services.feeds.newest_scores[::-1],
        size=shown,
        user_max_bytes=services.settings.user_max_bytes,
        score_bits=32 if services.settings.topics.scores.format == "int32" else 64,
        heartbeat_seconds=services.settings.web.heartbeat_seconds,
        form=services.settings.web.form and services.rules.score_format is not None,
        token=bool(services.settings.web.token),
        outcome=outcome if outcome in OUTCOMES else None,
        name_max=NAME_MAX,
        display=display,
        theme=_choice("theme", THEMES),
        error=error,
        posted=posted or {},
    )


def _ranked(services: Services, board: str, period: str, make: documents.Make) -> Document:
    """Make a document of the ranks of a period, or one with only the `error`.

    That of a user without a score has no rank.
    """
    try:
        return answers.find_ranked(services, board, period, make)[0]
    except NoScore:
        return {"rank": None}
    except NotRanked as error:
        return {"error": f"{error}."}


def _choice(name: str, known: Collection[str]) -> str:
    """Return a word of the query, "" where it is none of these."""
    word = request.args.get(name, "")
    return word if word in known else ""


def _stream(feed: BoardFeed, period: str, user: str, *, is_alone: bool) -> str:
    """Return the address of the page's stream; earlier periods share one without a board."""
    is_current = period == feed.period.name
    events = (["status"] if is_alone else ["status", "score", "rate"]) + ["board"] * is_current
    chosen = {"events": ",".join(events)} if is_alone or not is_current else {}
    board = {"board": feed.name} if feed.name != ALL_TIME and is_current else {}
    watched = {"user": user, "around": documents.AROUND} if user and is_current else {}
    return "?".join(filter(None, ("live", urlencode(chosen | board | watched, safe=","))))


def _link(feeds: Feeds, user: str, board: str, period: str = "", first: int = 0) -> str:
    """Return the address of the page of a board, or of its ranks from the `first` on.

    The period "" is the current one. The user stays.
    """
    is_current = period == feeds.boards[board].period.name
    fields = {
        "board": board if board != ALL_TIME else "",
        "period": "" if is_current else period,
        "from": first or "",
        "user": user,
    }
    query = urlencode({name: value for name, value in fields.items() if value})
    return f"./?{query}" if query else "./"


def in_sentence(name: str) -> str:
    """Leave out of a name what would turn around the sentence that it is in, as the script does."""
    return TURNS.sub("", name)


def iso(time_ms: int) -> str:
    """Format a time for the attribute `datetime`; the year 9999 is the last."""
    moment = datetime.fromtimestamp(min(time_ms, LAST_TIME_MS) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The routes of the boards for clients that poll: JSON, with an ETag."""

import asyncio
from collections.abc import Collection

from quart import Blueprint, Response, jsonify, request

from web.live import freshness
from web.live.board import BoardFeed
from web.live.feeds import Feeds
from web.ranks import documents
from web.ranks.documents import Document
from web.ranks.rankings import Ranked
from web.routes import answers, asked
from web.services import Services

NO_BOARD = "there is no board yet: no flow has written one, or it is not read yet"
COUNT_MAX = 500  # rows of a page
BEHIND_SECONDS = 2  # for this process to read a board that a client got from another process


def blueprint(services: Services) -> Blueprint:
    """Return the routes `/top5`, `/boards`, and those of each board and period."""
    boards = Blueprint("boards", __name__)
    feeds = services.feeds

    @boards.get("/top5")
    async def top5() -> Response:
        return await _respond(feeds, feeds.all_time, "")

    @boards.get("/boards")
    async def all_boards() -> Response:
        return _list(services)

    @boards.get("/boards/<board>")
    async def current(board: str) -> Response:
        feed = asked.board(feeds, board)
        return await answer(feed, feed.period.name)

    @boards.get("/boards/<board>/<period>")
    async def of_period(board: str, period: str) -> Response:
        feed = asked.board(feeds, board)
        return await answer(feed, asked.period(feed, period))

    async def answer(feed: BoardFeed, period: str) -> Response:
        if request.args.keys() & {"from", "count"}:
            return _page(services, feed, period)
        return await _respond(feeds, feed, period)

    return boards


def _page(services: Services, feed: BoardFeed, period: str) -> Response:
    """Answer with a page of a whole board, as the query asks: `from` and `count`."""
    first, count = asked.first(), asked.number("count", documents.COUNT, 1, COUNT_MAX)
    is_final = services.feeds.shown(feed, period).board.final

    def make(ranked: Ranked) -> Document:
        return documents.page(ranked, first, count, final=is_final)

    return answers.ranked(services, feed.name, period, make)


async def _respond(feeds: Feeds, feed: BoardFeed, period: str) -> Response:
    known = request.if_none_match.as_set(include_weak=True)
    is_behind = await _is_behind(feeds, feed, period, known)
    shown = feeds.shown(feed, period)
    if not shown.event_id:
        return _unavailable(NO_BOARD)
    if is_behind and feeds.is_stale():
        return _unavailable(freshness.REFUSALS["behind"])
    response = Response(shown.document, content_type="application/json")
    response.set_etag(shown.event_id)
    response.headers["Cache-Control"] = "no-cache"
    return await response.make_conditional(request)


async def _is_behind(feeds: Feeds, feed: BoardFeed, period: str, known: Collection[str]) -> bool:
    """Return whether a client got a newer board from another process; wait for it, at most 2 s.

    After that the topic has lost that board, unless the reader is stale.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BEHIND_SECONDS

    def is_newer(resume: str) -> bool:
        return feeds.is_behind(resume, feeds.shown(feed, period).event_id)

    while is_behind := any(map(is_newer, known)):
        if (left := deadline - loop.time()) <= 0:
            break
        await feeds.next_board(left)
    return is_behind


def _list(services: Services) -> Response:
    settings, feeds = services.settings, services.feeds
    if not feeds.has_read_boards:
        return _unavailable(NO_BOARD)
    response = jsonify(
        {
            "time_zone": settings.time_zone,
            "order": settings.order,
            "boards": [_describe(feeds, feed) for feed in feeds.boards.values()],
        }
    )
    response.headers["Cache-Control"] = "no-cache"
    return response


def _describe(feeds: Feeds, feed: BoardFeed) -> dict[str, object]:
    """Describe a board, and the periods of it that have scores, newest first."""
    shown = feeds.shown(feed, feed.period.name)
    found = {"board": feed.name, "players": shown.board.players}
    if not feed.period.name:
        return found
    periods = [{"period": it.board.period, "final": it.board.final} for it in feed.periods()]
    current = {"period": feed.period.name, "start": feed.period.start, "end": feed.period.end}
    return {**found, **current, "periods": periods}


def _unavailable(text: str) -> Response:
    return answers.error(503, text, retry_after=answers.RETRY_SECONDS)

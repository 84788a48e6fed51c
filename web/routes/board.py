"""The route of the board for clients that poll: JSON, with an ETag."""

import asyncio
from collections.abc import Collection
from http import HTTPStatus

from quart import Blueprint, Response, jsonify, request

from web.live.feeds import Feeds
from web.routes.streams import REFUSALS
from web.services import Services

NO_BOARD = "there is no board yet: no flow has written one, or it is not read yet"
RETRY_SECONDS = 1
BEHIND_SECONDS = 2  # for this process to read a board that a client got from another process


def blueprint(services: Services) -> Blueprint:
    """Return the route `/top5`."""
    top5 = Blueprint("top5", __name__)
    feeds = services.feeds

    @top5.get("/top5")
    async def board() -> Response:
        is_behind = await _is_behind(feeds, request.if_none_match.as_set(include_weak=True))
        if not feeds.newest_id:
            return _unavailable(NO_BOARD)
        if is_behind and feeds.is_stale():
            return _unavailable(REFUSALS["behind"])
        response = Response(feeds.newest_document, content_type="application/json")
        if request.if_none_match.contains_weak(feeds.newest_id):
            response = Response(b"", HTTPStatus.NOT_MODIFIED)
        response.set_etag(feeds.newest_id)
        response.headers["Cache-Control"] = "no-cache"
        return response

    return top5


async def _is_behind(feeds: Feeds, known: Collection[str]) -> bool:
    """Return whether a client got a newer board from another process; wait for it, at most 2 s.

    After that the topic has lost that board, unless the reader is stale.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BEHIND_SECONDS
    while is_behind := any(map(feeds.is_behind, known)):
        if (left := deadline - loop.time()) <= 0:
            break
        await feeds.next_board(left)
    return is_behind


def _unavailable(error: str) -> Response:
    response = jsonify({"error": error})
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    response.headers.update({"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"})
    return response

"""The route of the board for those who poll: once, as JSON, and nothing while it is the same."""

from http import HTTPStatus

from quart import Blueprint, Response, jsonify, request

from web.services import Services

NO_BOARD = "there is no board yet: neither has a flow written one, nor was one read"
RETRY_SECONDS = 1


def routes(services: Services) -> Blueprint:
    """Give the route `/top5`."""
    top5 = Blueprint("top5", __name__)
    feeds = services.feeds

    @top5.get("/top5")
    async def board() -> Response:
        if not feeds.newest_id:
            return _no_board()
        answer = Response(feeds.newest_document, content_type="application/json")
        if request.if_none_match.contains_weak(feeds.newest_id):
            answer = Response(b"", HTTPStatus.NOT_MODIFIED)
        answer.set_etag(feeds.newest_id)
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    return top5


def _no_board() -> Response:
    answer = jsonify({"error": NO_BOARD})
    answer.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    answer.headers.update({"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"})
    return answer

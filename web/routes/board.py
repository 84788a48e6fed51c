"""The route of the board for clients that poll: JSON, with an ETag."""

from http import HTTPStatus

from quart import Blueprint, Response, jsonify, request

from web.services import Services

NO_BOARD = "there is no board yet: no flow has written one, or it is not read yet"
RETRY_SECONDS = 1


def blueprint(services: Services) -> Blueprint:
    """Return the route `/top5`."""
    top5 = Blueprint("top5", __name__)
    feeds = services.feeds

    @top5.get("/top5")
    async def board() -> Response:
        if not feeds.newest_id:
            return _no_board()
        response = Response(feeds.newest_document, content_type="application/json")
        if request.if_none_match.contains_weak(feeds.newest_id):
            response = Response(b"", HTTPStatus.NOT_MODIFIED)
        response.set_etag(feeds.newest_id)
        response.headers["Cache-Control"] = "no-cache"
        return response

    return top5


def _no_board() -> Response:
    response = jsonify({"error": NO_BOARD})
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    response.headers.update({"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"})
    return response

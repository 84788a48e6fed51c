"""Answers that say why a request fails."""

from http import HTTPStatus

from quart import Response, jsonify

RETRY_SECONDS = 1  # until what is missing may have been read


def error(status: int, text: str, *, retry_after: int = 0, **more: str) -> Response:
    """Answer with an error as JSON; after `retry_after` seconds, unless 0, it may be over."""
    return mark(jsonify({"error": text, **more}), status, retry_after=retry_after)


def mark(response: Response, status: int, *, retry_after: int = 0) -> Response:
    """Give a response the status and the headers of an error."""
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response

"""Answers of several routes: documents of ranks, and why a request fails."""

from http import HTTPStatus

from quart import Response, jsonify

from web.ranks import documents
from web.ranks.rankings import NotRanked
from web.services import Services

RETRY_SECONDS = 1  # until what is missing may have been read


def ranked(services: Services, board: str, period: str, make: documents.Make) -> Response:
    """Answer with a document of a moment of the table, or with 404 and the reason."""
    try:
        document, positions = find_ranked(services, board, period, make)
    except NotRanked as missing:
        seconds = RETRY_SECONDS if missing.is_temporary else 0
        return error(404, str(missing), retry_after=seconds)
    headers = {"Table-Positions": positions, "Cache-Control": "no-store"}
    return Response(documents.encode(document), None, headers, content_type="application/json")


def find_ranked(
    services: Services, board: str, period: str, make: documents.Make
) -> tuple[documents.Document, str]:
    """Make a document of a moment of the table, and count that; return the positions too.

    Raises:
        NotRanked: With the reason.
    """
    try:
        with services.rankings.open(board, period) as found:
            document = make(found)
    except NotRanked as missing:
        services.metrics.count_rank_request("not_ready" if missing.is_temporary else "unknown")
        raise
    services.metrics.count_rank_request("found")
    return document, found.positions


def error(status: int, text: str, *, retry_after: int = 0, **more: str) -> Response:
    """Answer with an error as JSON; `retry_after` in seconds, 0 where waiting does not help."""
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

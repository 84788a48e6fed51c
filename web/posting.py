"""The route that takes scores, from the form of the page or from a program."""

import math
import time
from http import HTTPStatus

from quart import Blueprint, Request, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from web import gate, pages, submission
from web.parts import Parts
from web.post import Receipt, Unacknowledged
from web.submission import BadSubmission, Rules

UNACKNOWLEDGED = "the score may not have been counted: post it again, it is counted once"

_OUTCOMES = {
    HTTPStatus.TOO_MANY_REQUESTS: "limited",
    HTTPStatus.SERVICE_UNAVAILABLE: "unacknowledged",
}


def routes(parts: Parts) -> Blueprint:
    """Give the route `/newScore`."""
    posting = Blueprint("posting", __name__)
    rules = Rules(parts.settings.user_max_bytes, parts.settings.topics.scores.format)

    @posting.post("/newScore")
    async def new_score() -> Response:
        try:
            receipt = await _take(parts, rules, request)
        except BadSubmission as error:
            parts.metrics.posted(_OUTCOMES.get(HTTPStatus(error.status), "refused"))
            return await _refuse(parts, error)
        parts.metrics.posted("accepted")
        return _accept(receipt)

    return posting


async def _take(parts: Parts, rules: Rules, posted: Request) -> Receipt:
    headers = posted.headers
    gate.check_origin(*map(headers.get, ("Sec-Fetch-Site", "Origin", "Host")))
    _check_rate(parts, posted)
    score = submission.read(posted.content_type or "", await _body(posted), rules)
    gate.check_token(parts.settings.web.token, headers.get("Authorization"), score.token)
    try:
        return await parts.post.write(score.key, score.value)
    except Unacknowledged as error:
        raise BadSubmission(503, "body", UNACKNOWLEDGED) from error


def _check_rate(parts: Parts, posted: Request) -> None:
    seconds = parts.buckets.take(parts.client(posted), time.monotonic())
    if seconds:
        text = "too many scores at once: try again later"
        raise BadSubmission(429, "body", text, retry_after=math.ceil(seconds))


async def _body(posted: Request) -> bytes:
    try:
        return await posted.get_data(as_text=False)  # type: ignore[return-value]  # bytes then
    except HTTPException as error:  # too large, too slow
        text = error.description or error.name
        raise BadSubmission(error.code or 400, "body", text) from error


def _is_form() -> bool:
    return request.mimetype == submission.FORM


def _accept(receipt: Receipt) -> Response:
    if _is_form():
        return Response(b"", HTTPStatus.SEE_OTHER, {"Location": "/"})
    answer = jsonify(receipt._asdict())
    answer.status_code = HTTPStatus.ACCEPTED
    return answer


async def _refuse(parts: Parts, error: BadSubmission) -> Response:
    if _is_form() and "text/html" in request.headers.get("Accept", ""):
        answer = Response(await pages.render(parts, error=error, posted=await request.form))
    else:
        answer = jsonify({"error": str(error), "field": error.field})
    answer.status_code = error.status
    if error.retry_after:
        answer.headers["Retry-After"] = str(error.retry_after)
    if error.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer

"""The route that takes scores, from the form of the page or from a program."""

import math
import time
from http import HTTPStatus
from typing import NamedTuple

from quart import Blueprint, Request, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from web import gate, outcomes, pages, prefer, submission
from web.outcomes import Outcome, Receipt
from web.parts import Parts
from web.post import Unacknowledged
from web.submission import BadSubmission, Rules, Submission

WAIT_SECONDS = 2  # for what becomes of a score, at most
UNACKNOWLEDGED = "the score may not have been counted: post it again, it is counted once"

_OUTCOMES = {
    HTTPStatus.TOO_MANY_REQUESTS: "limited",
    HTTPStatus.SERVICE_UNAVAILABLE: "unacknowledged",
}


class _Accepted(NamedTuple):
    """A score that is written, and what became of it where that was asked."""

    receipt: Receipt
    outcome: Outcome | None = None
    waited_seconds: int = 0  # at most


def routes(parts: Parts) -> Blueprint:
    """Give the route `/newScore`."""
    posting = Blueprint("posting", __name__)
    rules = Rules(parts.settings.user_max_bytes, parts.settings.topics.scores.format)

    @posting.post("/newScore")
    async def new_score() -> Response:
        try:
            accepted = await _take(parts, rules, request)
        except BadSubmission as error:
            parts.metrics.posted(_OUTCOMES.get(HTTPStatus(error.status), "refused"))
            return await _refuse(parts, error)
        parts.metrics.posted("accepted")
        return _accept(accepted)

    return posting


async def _take(parts: Parts, rules: Rules, posted: Request) -> _Accepted:
    headers = posted.headers
    gate.check_origin(*map(headers.get, ("Sec-Fetch-Site", "Origin", "Host")))
    _check_rate(parts, posted)
    score = submission.read(posted.content_type or "", await _body(posted), rules)
    gate.check_token(parts.settings.web.token, headers.get("Authorization"), score.token)
    asked = score.wait_seconds or prefer.wait_seconds(headers.getlist("Prefer"))
    try:
        return await _write(parts, score, min(asked, WAIT_SECONDS))
    except Unacknowledged as error:
        raise BadSubmission(503, "body", UNACKNOWLEDGED) from error


async def _write(parts: Parts, score: Submission, wait_seconds: int) -> _Accepted:
    """Write a score, and wait for what becomes of it where that is asked."""
    if not wait_seconds:
        return _Accepted(await parts.post.write(score.key, score.value))
    async with parts.follower.expect(score.key) as expected:
        receipt = await parts.post.write(score.key, score.value)
        if expected is None:
            return _Accepted(receipt, "received", wait_seconds)
        expected.written(receipt)
        size = parts.settings.top5.size
        became = await outcomes.outcome(expected, parts.feeds, size, wait_seconds)
        return _Accepted(receipt, became, wait_seconds)


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


def _accept(accepted: _Accepted) -> Response:
    if _is_form():
        query = f"?outcome={accepted.outcome}" if accepted.outcome else ""
        return Response(b"", HTTPStatus.SEE_OTHER, {"Location": f"/{query}"})
    became = {"outcome": accepted.outcome} if accepted.outcome else {}
    answer = jsonify(accepted.receipt._asdict() | became)
    answer.status_code = HTTPStatus.ACCEPTED
    if became:
        answer.headers["Preference-Applied"] = f"wait={accepted.waited_seconds}"
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

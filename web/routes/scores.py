"""The route that takes scores, from the form of the page or from a program."""

import math
import time
from http import HTTPStatus
from typing import NamedTuple

from quart import Blueprint, Request, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from web.access import origin
from web.kafka.producer import Unacknowledged
from web.posting import outcome, prefer, submission
from web.posting.outcome import Outcome, Receipt
from web.posting.submission import BadSubmission, Rules, Submission
from web.routes import page
from web.services import Services

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


def routes(services: Services) -> Blueprint:
    """Give the route `/newScore`."""
    posting = Blueprint("posting", __name__)
    rules = Rules(services.settings.user_max_bytes, services.settings.topics.scores.format)

    @posting.post("/newScore")
    async def new_score() -> Response:
        try:
            accepted = await _take(services, rules, request)
        except BadSubmission as error:
            services.metrics.posted(_OUTCOMES.get(HTTPStatus(error.status), "refused"))
            return await _refuse(services, error)
        services.metrics.posted("accepted")
        return _accept(accepted)

    return posting


async def _take(services: Services, rules: Rules, posted: Request) -> _Accepted:
    headers = posted.headers
    origin.check_origin(*map(headers.get, ("Sec-Fetch-Site", "Origin", "Host")))
    _check_rate(services, posted)
    score = submission.read(posted.content_type or "", await _body(posted), rules)
    origin.check_token(services.settings.web.token, headers.get("Authorization"), score.token)
    asked = score.wait_seconds or prefer.wait_seconds(headers.getlist("Prefer"))
    try:
        return await _write(services, score, min(asked, WAIT_SECONDS))
    except Unacknowledged as error:
        raise BadSubmission(503, "body", UNACKNOWLEDGED) from error


async def _write(services: Services, score: Submission, wait_seconds: int) -> _Accepted:
    """Write a score, and wait for what becomes of it where that is asked."""
    if not wait_seconds:
        return _Accepted(await services.post.write(score.key, score.value))
    async with services.follower.expect(score.key) as expected:
        receipt = await services.post.write(score.key, score.value)
        if expected is None:
            return _Accepted(receipt, "received", wait_seconds)
        expected.written(receipt)
        size = services.settings.top5.size
        became = await outcome.outcome(expected, services.feeds, size, wait_seconds)
        return _Accepted(receipt, became, wait_seconds)


def _check_rate(services: Services, posted: Request) -> None:
    seconds = services.buckets.take(services.client(posted), time.monotonic())
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


async def _refuse(services: Services, error: BadSubmission) -> Response:
    if _is_form() and "text/html" in request.headers.get("Accept", ""):
        answer = Response(await page.render(services, error=error, posted=await request.form))
    else:
        answer = jsonify({"error": str(error), "field": error.field})
    answer.status_code = error.status
    if error.retry_after:
        answer.headers["Retry-After"] = str(error.retry_after)
    if error.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer

"""The route that accepts scores, from the form of the page or from a program."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlencode

from quart import Blueprint, Request, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from web.access import origin
from web.kafka.producer import Unacknowledged
from web.kafka.records import Receipt
from web.posting import submission
from web.posting.outcome import Outcome, has_row, outcome, outcome_on_board
from web.posting.submission import Refused, Submission
from web.ranks import documents
from web.routes import answers, page
from web.services import Services

WAIT_SECONDS = 2  # for the outcome of a score, at most
NO_FORM = "the form is closed here: programs post with the content type application/json"
CROSS_ORIGIN = "scores are not accepted from pages of another site"
NO_TOKEN = "the token is missing or wrong: not everyone may post scores here"  # noqa: S105 - a text
TOO_MANY = "too many scores at once: try again later"
UNACKNOWLEDGED = "the score may not have been counted: post it again, it is counted once"

_COUNTED_AS = {
    HTTPStatus.TOO_MANY_REQUESTS: "limited",
    HTTPStatus.SERVICE_UNAVAILABLE: "unacknowledged",
}


class _Accepted(NamedTuple):
    """A score that is written, and its outcome if the client asked for it."""

    receipt: Receipt
    outcome: Outcome | None = None
    waited_seconds: int = 0  # at most
    rank: int | None = None  # of the user's best, of all time; None: not known
    user: str = ""


def blueprint(services: Services) -> Blueprint:
    """Return the route `/newScore`."""
    posting = Blueprint("posting", __name__)

    @posting.post("/newScore")
    async def new_score() -> Response:
        try:
            accepted = await _accept(services, request)
        except Refused as error:
            services.metrics.count_post(_COUNTED_AS.get(HTTPStatus(error.status), "refused"))
            return await _refusal(services, error)
        services.metrics.count_post("accepted")
        return _acceptance(accepted)

    return posting


async def _accept(services: Services, posted: Request) -> _Accepted:
    """Check and parse a post, and write its score.

    Raises:
        Refused: By its origin, the client's rate, its body or its token; or it was not written.
    """
    headers = posted.headers
    web = services.settings.web
    if not web.form and (_is_form() or _is_own_page(posted, web.post_origins)):
        raise Refused(403, "body", NO_FORM)
    if services.asking.is_from_another_origin(posted):
        raise Refused(403, "body", CROSS_ORIGIN)
    if seconds := services.limit_post(posted):
        raise Refused(429, "body", TOO_MANY, retry_after=seconds)
    score = submission.parse(posted.content_type or "", await _body(posted), services.rules)
    if not origin.has_token(web.token, headers.get("Authorization"), score.token):
        raise Refused(401, "token", NO_TOKEN)
    wait = score.wait_seconds or submission.preferred_wait_seconds(headers.getlist("Prefer"))
    try:
        return await _write(services, score, min(wait, WAIT_SECONDS))
    except Unacknowledged as error:
        raise Refused(503, "body", f"{UNACKNOWLEDGED} ({error})") from error


async def _body(posted: Request) -> bytes:
    try:
        return await posted.get_data(as_text=False)  # type: ignore[return-value]  # bytes then
    except HTTPException as error:  # too large, too slow
        text = error.description or error.name
        raise Refused(error.code or 400, "body", text) from error


async def _write(services: Services, score: Submission, wait_seconds: int) -> _Accepted:
    """Write a score, and wait for its outcome if the client asked for it."""
    if not wait_seconds:
        return _Accepted(await services.producer.produce(score.key, score.value))
    if not services.settings.web.ranks:
        return await _write_and_watch_board(services, score, wait_seconds)
    with services.watcher.watch(score.key) as pending:
        receipt = await services.producer.produce(score.key, score.value)
        if pending is None:
            return _Accepted(receipt, "received", wait_seconds)
        pending.acknowledge(receipt)
        size, sign = services.settings.top5.size, services.settings.sign
        result = await outcome(pending, services.feeds, size, wait_seconds, sign=sign)
        rank = documents.rank_of(services.rankings, score.key) if result != "received" else None
        return _Accepted(receipt, result, wait_seconds, rank, score.key.decode())


async def _write_and_watch_board(
    services: Services, score: Submission, wait_seconds: int
) -> _Accepted:
    user, feeds = score.key.decode(), services.feeds
    is_known = has_row(feeds.newest_board, user, score.score)
    receipt = await services.producer.produce(score.key, score.value)
    result: Outcome = "received"
    if not is_known:
        result = await outcome_on_board(feeds, user, score.score, wait_seconds)
    return _Accepted(receipt, result, wait_seconds)


def _acceptance(accepted: _Accepted) -> Response:
    if _is_form():
        return Response(b"", HTTPStatus.SEE_OTHER, {"Location": _page(accepted)})
    result = {"outcome": accepted.outcome} if accepted.outcome else {}
    rank = {"rank": accepted.rank} if accepted.rank else {}
    response = jsonify(accepted.receipt._asdict() | result | rank)
    response.status_code = HTTPStatus.ACCEPTED
    if result:
        response.headers["Preference-Applied"] = f"wait={accepted.waited_seconds}"
    return response


def _page(accepted: _Accepted) -> str:
    """Return the address of the page that the form is on, with the outcome and the user's rank."""
    is_found = accepted.rank and len(accepted.user) <= page.NAME_MAX
    fields = {
        "board": request.args.get("board"),
        "user": accepted.user if is_found else None,
        "outcome": accepted.outcome,
    }
    query = urlencode({name: value for name, value in fields.items() if value})
    return f"./?{query}" if query else "./"


async def _refusal(services: Services, error: Refused) -> Response:
    if _is_form() and "text/html" in request.headers.get("Accept", ""):
        response = Response(await page.render(services, error=error, posted=await _form()))
    else:
        response = jsonify({"error": str(error), "field": error.field})
    return answers.mark(response, error.status, retry_after=error.retry_after)


async def _form() -> Mapping[str, str]:
    """Return the fields as they were posted, nothing of a body that is too large or too slow."""
    with suppress(HTTPException):
        return await request.form
    return {}


def _is_own_page(posted: Request, post_origins: Collection[str]) -> bool:
    """Return whether a browser sends it, from no page of another origin that may post."""
    sender = posted.headers.get("Origin")
    return (sender or posted.headers.get("Sec-Fetch-Site")) is not None and (
        sender not in post_origins
    )


def _is_form() -> bool:
    return request.mimetype == submission.FORM

"""The routes of ranks: one user, a page of a board, the rows of some users."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated

import msgspec
from quart import Blueprint, Response, abort, request
from quart.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

from web.ranks import documents
from web.ranks.documents import Document
from web.ranks.rankings import NotRanked, Ranked
from web.routes import answers
from web.services import Services

AROUND = 2  # rows above and below a user
AROUND_MAX = 50
COUNT = 100  # rows of a page
COUNT_MAX = 500
USERS_MAX = 1_000
BODY_MAX = 256 * 1024  # bytes of a list of users

Make = Callable[[Ranked], Document]


class _Users(msgspec.Struct):
    users: Annotated[list[str], msgspec.Meta(max_length=USERS_MAX)]


class _UserConverter(BaseConverter):
    """A user at the end of a path: any text, slashes included."""

    regex = ".+"
    part_isolating = False


def blueprint(services: Services) -> Blueprint:
    """Return the routes below `/boards/{board}` that ask for ranks."""
    ranks = Blueprint("ranks", __name__)
    ranks.record(_add_converter)

    @ranks.get("/boards/<board>/users/<user:user>")
    async def player(board: str, user: str) -> Response:
        return _player(services, board, "", user)

    @ranks.get("/boards/<board>/<period>/users/<user:user>")
    async def player_of_period(board: str, period: str, user: str) -> Response:
        return _player(services, board, period, user)

    @ranks.post("/boards/<board>/users")
    async def users(board: str) -> Response:
        names = _names(await request.get_data(as_text=False))  # type: ignore[arg-type]  # bytes
        return _answer(services, board, "", lambda ranked: documents.rows(ranked, names))

    return ranks


def page_of(services: Services, board: str, period: str = "", *, final: bool = False) -> Response:
    """Answer with a page of a board, as the query asks: `from` and `count`.

    `final` says that the period is closed.
    """
    first = number("from", 1, 1, 2**63)
    count = number("count", COUNT, 1, COUNT_MAX)
    return _answer(
        services, board, period, lambda ranked: documents.page(ranked, first, count, final=final)
    )


def _player(services: Services, board: str, period: str, user: str) -> Response:
    around = number("around", AROUND, 0, AROUND_MAX)
    return _answer(services, board, period, lambda ranked: documents.player(ranked, user, around))


def _answer(services: Services, board: str, period: str, make: Make) -> Response:
    """Answer with a document of a moment of the table, or with 404 and the reason."""
    try:
        with services.rankings.open(board, period) as ranked:
            document = make(ranked)
    except NotRanked as error:
        seconds = answers.RETRY_SECONDS if error.is_temporary else 0
        return answers.error(404, str(error), retry_after=seconds)
    headers = {"Table-Positions": ranked.positions, "Cache-Control": "no-store"}
    return Response(documents.encode(document), None, headers, content_type="application/json")


def _add_converter(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["user"] = _UserConverter


def number(name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of the query, or end the request with 400."""
    text = request.args.get(name, str(default))
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(high))
    if not is_number or not low <= int(text) <= high:
        abort(HTTPStatus.BAD_REQUEST, f"{name} must be a number from {low} to {high}")
    return int(text)


def _names(body: bytes) -> Sequence[str]:
    try:
        return msgspec.json.decode(body, type=_Users).users
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = f'the body must be JSON such as {{"users":["ann"]}}, with at most {USERS_MAX} users'
        abort(HTTPStatus.BAD_REQUEST, text)

"""The routes of ranks: one user, the rows of some users."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

import msgspec
from quart import Blueprint, Response, abort, request

from web.ranks import documents
from web.routes import answers, asked
from web.services import Services

USERS_MAX = 1_000
BODY_MAX = 256 * 1024  # bytes of a list of users


class _Users(msgspec.Struct):
    users: Annotated[list[str], msgspec.Meta(max_length=USERS_MAX)]


def blueprint(services: Services) -> Blueprint:
    """Return the routes below `/boards/{board}` that ask for users."""
    ranks = Blueprint("ranks", __name__)

    @ranks.get("/boards/<board>/users/<user:user>")
    async def player(board: str, user: str) -> Response:
        return _player(services, board, "", user)

    @ranks.get("/boards/<board>/<period>/users/<user:user>")
    async def player_of_period(board: str, period: str, user: str) -> Response:
        return _player(services, board, period, user)

    @ranks.post("/boards/<board>/users")
    async def users(board: str) -> Response:
        names = _names(await request.get_data(as_text=False))  # type: ignore[arg-type]  # bytes
        return answers.ranked(services, board, "", lambda it: documents.rows(it, names))

    return ranks


def _player(services: Services, board: str, period: str, user: str) -> Response:
    around = asked.around()
    return answers.ranked(
        services, board, period, lambda ranked: documents.player(ranked, user, around)
    )


def _names(body: bytes) -> Sequence[str]:
    try:
        return msgspec.json.decode(body, type=_Users).users
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = f'the body must be JSON such as {{"users":["ann"]}}, with at most {USERS_MAX} users'
        abort(HTTPStatus.BAD_REQUEST, text)

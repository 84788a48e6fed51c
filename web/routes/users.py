"""The route that removes a user, for operators with the token."""

from http import HTTPStatus

from quart import Blueprint, Response, jsonify, request

from dataflows.wire import REASON, BadMessage, check_user
from web.access import origin
from web.kafka.producer import Unacknowledged
from web.services import Services

CLOSED = "users can be removed here only where web.token is set"
NO_TOKEN = "the token is missing or wrong"  # noqa: S105 - a text
UNACKNOWLEDGED = "the user may not have been removed: send it again"


def blueprint(services: Services) -> Blueprint:
    """Return the route `/users/{user}`."""
    users = Blueprint("users", __name__)
    settings = services.settings

    @users.delete("/users/<user:user>")
    async def remove(user: str) -> Response:
        if not settings.web.token or services.is_from_another_origin(request):
            return _answer(HTTPStatus.FORBIDDEN, error=CLOSED)
        if not origin.has_token(settings.web.token, request.headers.get("Authorization"), None):
            answer = _answer(HTTPStatus.UNAUTHORIZED, error=NO_TOKEN)
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        try:
            key = check_user(user.encode(), settings.user_max_bytes)
            reason = request.args.get("reason", "").encode()
            receipt = await services.producer.produce(key, None, **{REASON: reason})
        except BadMessage as error:
            return _answer(HTTPStatus.BAD_REQUEST, error=str(error))
        except Unacknowledged:
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, error=UNACKNOWLEDGED)
        return _answer(HTTPStatus.ACCEPTED, **receipt._asdict())

    return users


def _answer(status: HTTPStatus, **document: object) -> Response:
    response = jsonify(document)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response

"""The route that removes a user, for operators with the token."""

import logging
from http import HTTPStatus

from quart import Blueprint, Response, jsonify, request

from dataflows.wire import REASON, BadMessage, check_user
from web.access import origin
from web.kafka.producer import Unacknowledged
from web.ranks import documents
from web.routes import answers
from web.services import Services

log = logging.getLogger(__name__)

CLOSED = "users can be removed here only where web.token is set"
CROSS_ORIGIN = "users are not removed by pages of another site"
TOO_MANY = "too many scores and removals at once: try again later"
NO_TOKEN = "the token is missing or wrong"  # noqa: S105 - a text
UNACKNOWLEDGED = "the user may not have been removed: send it again"


def blueprint(services: Services) -> Blueprint:
    """Return the route `/users/{user}`."""
    users = Blueprint("users", __name__)

    @users.delete("/users/<user:user>")
    async def remove(user: str) -> Response:
        return _refusal(services) or await _remove(services, user)

    return users


def _refusal(services: Services) -> Response | None:
    """Return why the request is refused: by its origin, the client's rate, or its token."""
    token = services.settings.web.token
    if not token or services.asking.is_from_another_origin(request):
        return answers.error(403, CROSS_ORIGIN if token else CLOSED)
    if seconds := services.limit_post(request):
        return answers.error(429, TOO_MANY, retry_after=seconds)
    if not origin.has_token(token, request.headers.get("Authorization"), None):
        return answers.error(401, NO_TOKEN)
    return None


async def _remove(services: Services, name: str) -> Response:
    user = documents.user_of(services.rankings, name)
    reason = request.args.get("reason", "")
    try:
        key = check_user(user.encode(), services.settings.user_max_bytes)
        receipt = await services.producer.produce(key, None, **{REASON: reason.encode()})
    except BadMessage as error:
        return answers.error(400, str(error))
    except Unacknowledged as error:
        return answers.error(503, f"{UNACKNOWLEDGED} ({error})")
    log.info("the user %r is removed, for the reason %r", user, reason)
    response = jsonify(receipt._asdict() | {"user": user})
    response.status_code = HTTPStatus.ACCEPTED
    return response

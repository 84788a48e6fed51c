"""What no request may be, whatever it asks for; the server bounds the rest."""

from collections.abc import Callable, Coroutine

from quart import request
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    RequestHeaderFieldsTooLarge,
    RequestURITooLarge,
)

from conf.settings import Web
from web.access import origin

TARGET_MAX = 8_000  # bytes of a path with its query, as RFC 9110 wants to be supported at least
FIELDS_MAX = 100  # headers


class Misdirected(HTTPException):
    """A host that this server does not answer for."""

    code = 421
    description = "this server does not answer for that host: see its setting web.hosts"


def guard(web: Web) -> Callable[[], Coroutine[object, object, None]]:
    """Give what looks at each request before its route does."""
    hosts = origin.hosts(web.host, web.hosts, web.trusted_proxies)

    async def look() -> None:
        _check_size()
        _check_framing()
        if not origin.is_served(request.headers.get("Host", ""), hosts):
            raise Misdirected

    return look


def _check_size() -> None:
    if len(request.scope["raw_path"]) + len(request.scope["query_string"]) > TARGET_MAX:
        raise RequestURITooLarge
    if len(list(request.scope["headers"])) > FIELDS_MAX:
        raise RequestHeaderFieldsTooLarge


def _check_framing() -> None:
    """Refuse two lengths of one body, by which a proxy and this server may come to differ.

    Source: https://www.rfc-editor.org/rfc/rfc9112#section-6.1
    """
    if "Transfer-Encoding" in request.headers and "Content-Length" in request.headers:
        text = "a body has one length"
        raise BadRequest(text)

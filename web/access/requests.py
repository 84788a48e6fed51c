"""Checks of every request before its route runs; Hypercorn and Quart bound the rest."""

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import cast
from urllib.parse import urlsplit

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope
from quart import Request, request
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    HTTPVersionNotSupported,
    RequestHeaderFieldsTooLarge,
    RequestURITooLarge,
)

from web.access.origin import is_served

VERSIONS = {"1.0", "1.1", "2", "3"}  # of HTTP; another server may serve the latter two
TARGET_MAX = 8_000  # bytes of a path with its query; RFC 9110 wants at least this many supported
FIELDS_MAX = 100  # headers
FIELDS_MAX_BYTES = 16 * 1024  # of all their names and values, as in h11


class Misdirected(HTTPException):
    """The request is for a host that this server does not serve."""

    code = 421
    description = "this server does not answer for that host: see its setting web.hosts"


def with_target(app: ASGIFramework) -> ASGIFramework:
    """Return an app that Quart's routes can serve whatever the target: `GET ?x=1` has no path.

    Such a request gets the path "/", and is known by its empty `raw_path`: `check` refuses it.
    """

    async def asgi(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "lifespan" and not _is_target(scope["path"]):
            scope = cast("Scope", {**scope, "path": "/", "raw_path": b""})
        await app(scope, receive, send)

    return asgi


async def check(hosts: Collection[str] | None, asked_host: Callable[[Request], str]) -> None:
    """Refuse a request that is too large, ambiguous, or not for these hosts.

    Raises:
        HTTPException: With status 400, 414, 421, 431 or 505.
    """
    if request.http_version not in VERSIONS:
        raise HTTPVersionNotSupported
    if not request.scope["raw_path"]:
        text = "the target must be a path or a URL"
        raise BadRequest(text)
    _check_size()
    _check_framing()
    if not is_served(asked_host(request), hosts):
        raise Misdirected


def _is_target(path: str) -> bool:
    """Return whether it is a path, a URL, or another text that Quart can parse as one."""
    with suppress(ValueError):
        return path.startswith("/") or (path != "" and bool(urlsplit(path)))
    return False


def _check_size() -> None:
    """Bound the head: h11's limit of 16 kB is not checked for a head that comes in one read."""
    if len(request.scope["raw_path"]) + len(request.scope["query_string"]) > TARGET_MAX:
        raise RequestURITooLarge
    fields = list(request.scope["headers"])
    size = sum(len(name) + len(value) for name, value in fields)
    if len(fields) > FIELDS_MAX or size > FIELDS_MAX_BYTES:
        raise RequestHeaderFieldsTooLarge


def _check_framing() -> None:
    """Refuse a body with two lengths: a proxy in front may believe the other one.

    Source: https://www.rfc-editor.org/rfc/rfc9112#section-6.1
    """
    if "Transfer-Encoding" in request.headers and "Content-Length" in request.headers:
        text = "a body must have one length"
        raise BadRequest(text)

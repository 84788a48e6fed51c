"""CORS headers: which routes the pages of other origins may read, or post to; pure.

Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Collection

PATHS = frozenset({"/highScores", "/events", "/live", "/top5", "/boards", "/openapi.json"})
BOARDS = "/boards/"  # all paths that begin with it, too

POST_PATH = "/newScore"

# An EventSource needs neither, but clients written in JavaScript set these and read those.
REQUEST_HEADERS = "Cache-Control, Content-Type, If-None-Match, Last-Event-ID"
POST_HEADERS = "Authorization, Content-Type, Prefer"
RESPONSE_HEADERS = "ETag, Retry-After, Table-Positions"
PREFLIGHT_SECONDS = 86_400  # for which a browser may cache a preflight's answer


def allowed(path: str, readers: Collection[str], posters: Collection[str]) -> Collection[str]:
    """Return the origins whose pages may use a path."""
    if path == POST_PATH:
        return posters
    return readers if path in PATHS or path.startswith(BOARDS) else ()


def headers(path: str, method: str, origin: str, allowed: Collection[str]) -> dict[str, str]:
    """Return the headers that let pages of an origin read a response; "*" allows every origin."""
    if not allowed:
        return {}
    found = {"Vary": "Origin"}
    if origin not in allowed and "*" not in allowed:
        return found
    found["Access-Control-Allow-Origin"] = origin if origin in allowed else "*"
    if method == "OPTIONS":
        is_post = path == POST_PATH
        found["Access-Control-Allow-Headers"] = POST_HEADERS if is_post else REQUEST_HEADERS
        found["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    else:
        found["Access-Control-Expose-Headers"] = RESPONSE_HEADERS
    return found

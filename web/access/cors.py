"""CORS headers: which routes the pages of other origins may read; pure.

Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Collection

PATHS = frozenset({"/highScores", "/events", "/live", "/top5", "/openapi.json"})
BOARDS = "/boards/"  # all paths that begin with it, too

# An EventSource needs neither, but clients written in JavaScript set these and read those.
REQUEST_HEADERS = "Cache-Control, Content-Type, If-None-Match, Last-Event-ID"
RESPONSE_HEADERS = "ETag, Retry-After, Table-Positions"
PREFLIGHT_SECONDS = 86_400  # for which a browser may cache a preflight's answer


def headers(path: str, method: str, origin: str, allowed: Collection[str]) -> dict[str, str]:
    """Return the headers that let pages of an origin read a response; "*" allows every origin."""
    if not allowed or not (path in PATHS or path.startswith(BOARDS)):
        return {}
    found = {"Vary": "Origin"}
    if origin not in allowed and "*" not in allowed:
        return found
    found["Access-Control-Allow-Origin"] = origin if origin in allowed else "*"
    if method == "OPTIONS":
        found["Access-Control-Allow-Headers"] = REQUEST_HEADERS
        found["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    else:
        found["Access-Control-Expose-Headers"] = RESPONSE_HEADERS
    return found

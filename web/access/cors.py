"""What pages of other origins may read, pure.

Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Collection

PATHS = frozenset({"/highScores", "/events", "/live", "/top5", "/openapi.json"})

# An EventSource needs neither; clients that are written in JavaScript set and read them.
SENT = "Cache-Control, If-None-Match, Last-Event-ID"
READ = "ETag, Retry-After"
PREFLIGHT_SECONDS = 86_400  # that a browser may remember the answer


def headers(path: str, method: str, origin: str, allowed: Collection[str]) -> dict[str, str]:
    """Give what an answer carries so that pages of an origin may read it; "*" allows all."""
    if path not in PATHS or not allowed:
        return {}
    found = {"Vary": "Origin"}
    if origin not in allowed and "*" not in allowed:
        return found
    found["Access-Control-Allow-Origin"] = origin if origin in allowed else "*"
    if method == "OPTIONS":
        found["Access-Control-Allow-Headers"] = SENT
        found["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    else:
        found["Access-Control-Expose-Headers"] = READ
    return found

"""The wire of server-sent events, pure.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import re
from random import Random

MIME_TYPE = "text/event-stream"
HEARTBEAT = b":\n\n"  # a comment, which clients ignore

# "lines must be separated by either a U+000D U+000A pair, a single U+000A or a single U+000D":
# str.splitlines() would also cut at U+2028 and others.
_LINE_END = re.compile(b"\r\n|\r|\n")


def event(data: bytes, *, name: str = "", event_id: str = "") -> bytes:
    """Write one event; without a name it is a `message`.

    Raises:
        ValueError: The name or the id has a line end, or the id a NUL, which clients ignore.
    """
    fields = [_field("event", name)] if name else []
    fields += [_field("id", event_id)] if event_id else []
    fields += [b"data: %b\n" % line for line in _LINE_END.split(data)]
    return b"".join(fields) + b"\n"


def comment(text: str) -> bytes:
    """Write a comment of one line or more."""
    return b"".join(b": %b\n" % line for line in _LINE_END.split(text.encode())) + b"\n"


def retry(low_ms: int, high_ms: int, random: Random) -> bytes:
    """Tell a client when to come back, spread so that not all come at once."""
    return b"retry: %d\n\n" % random.randint(low_ms, high_ms)


def last_event_id(header: str | None, query: str | None) -> str:
    """Give the id that a client saw last: its header, else its query, else "".

    The header is what browsers send when they reconnect; the query is for a first connect.
    A header is read as Latin-1 but written as UTF-8.
    """
    if header:
        return header.encode("latin-1", "replace").decode("utf-8", "replace")
    return query or ""


def _field(name: str, value: str) -> bytes:
    if any(character in value for character in "\r\n\0"):
        msg = f"{name} {value!r} of an event must be one line without NUL"
        raise ValueError(msg)
    return b"%b: %b\n" % (name.encode(), value.encode())

"""The wire format of server-sent events, and the ids of boards; pure.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import re
from random import Random

from dataflows.periods import ALL_TIME

MIME_TYPE = "text/event-stream"
HEARTBEAT = b":\n"  # a comment; after an empty line some clients would deliver an empty event

# "lines must be separated by either a U+000D U+000A pair, a single U+000A or a single U+000D":
# str.splitlines() would also split at U+2028 and others.
_LINE_END = re.compile(b"\r\n|\r|\n")


def event(data: bytes, *, name: str = "", event_id: str = "") -> bytes:
    """Encode an event; without a name it is a `message`.

    Raises:
        ValueError: The name or the id has a line end or a NUL: clients ignore an id with a NUL.
    """
    fields = [_field("event", name)] if name else []
    fields += [_field("id", event_id)] if event_id else []
    fields += [b"data: %b\n" % line for line in _LINE_END.split(data)]
    return b"".join(fields) + b"\n"


def retry(low_ms: int, high_ms: int, random: Random) -> bytes:
    """Encode the pause before a client reconnects: random, so that they do not all come at once.

    It is one line of the event that follows: clients deliver an empty event where it stands alone.
    """
    return b"retry: %d\n" % random.randint(low_ms, high_ms)


def last_event_id(header: str | None, query: str | None) -> str:
    """Return the id of the last event that a client received, from its header or its query, or "".

    A browser sends the header when it reconnects; the query is for a first connect.
    The header arrives decoded as Latin-1, but browsers encode it as UTF-8.
    """
    if header:
        return header.encode("latin-1", "replace").decode("utf-8", "replace")
    return query or ""


def board_id(topic_id: str, offset: int, key: str = ALL_TIME) -> str:
    """Return the event id of the board at an offset of `top-5`: the same in every process.

    A board by period has its key in its id, so that it is never compared with another one. Its
    number is one higher than the offset: that of a board without a message is 0.
    """
    return f"{topic_id}:{offset}" if key == ALL_TIME else f"{topic_id}/{key}:{offset + 1}"


def is_newer(one: str, other: str) -> bool:
    """Return whether both are the same board of the same topic, and the first is newer.

    An id that is not a board's is neither newer nor older.
    """
    (name, number), (other_name, other_number) = map(_parse, (one, other))
    return name == other_name and number > other_number >= 0


def _parse(board_id: str) -> tuple[str, int]:
    name, _, number = board_id.rpartition(":")
    is_number = number.isascii() and number.isdigit() and len(number) <= 19  # noqa: PLR2004 - int64
    return name, int(number) if is_number else -1


def _field(name: str, value: str) -> bytes:
    if any(character in value for character in "\r\n\0"):
        msg = f"the field {name} of an event must be one line without NUL, not {value!r}"
        raise ValueError(msg)
    return b"%b: %b\n" % (name.encode(), value.encode())

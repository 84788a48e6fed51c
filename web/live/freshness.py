"""Whether the board that is shown is the newest: the data of a `status` event; pure."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

# An EventSource never reconnects after any status but 200, so a refusal is a stream that ends.
REFUSALS = {
    "full": "too many streams are open; try again later",
    "behind": "this server is behind; another one may not be",
}


class Status(NamedTuple):
    """Since when the board may be outdated (None: it is the newest), and every problem in words."""

    stale_since: int | None  # milliseconds since the epoch
    problems: tuple[str, ...]


def judge(answered_ms: Iterable[int], problems: Iterable[str]) -> Status:
    """Return the status.

    A board that is up to date with its broker may still be outdated while another broker is silent:
    the flow may be unable to count, or this process is cut off together with a broker that does not
    know yet that it no longer leads.

    Args:
        answered_ms: When each broker answered last that is silent now, and that of the board where
            its reader has any problem.
        problems: Of every part, "" for none.
    """
    return Status(min(answered_ms, default=None), tuple(filter(None, problems)))


def encode(status: Status) -> bytes:
    """Encode a status as the data of an event."""
    return msgspec.json.encode(status._asdict())


def encode_refusal(reason: str) -> bytes:
    """Write the data of the only `status` of a stream that ends at once: `full` or `behind`."""
    problems = [REFUSALS[reason]]
    return msgspec.json.encode({"stale_since": None, "problems": problems, "refused": reason})

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


def judge(board_problem: str, answered_ms: int, other_problems: Iterable[str]) -> Status:
    """Return the status by the problems of the topic readers, "" for none.

    Only a problem of the board's own reader makes the board stale: since the broker's last answer.
    """
    problems = filter(None, [board_problem, *other_problems])
    return Status(answered_ms if board_problem else None, tuple(problems))


def encode(status: Status) -> bytes:
    """Encode a status as the data of an event."""
    return msgspec.json.encode(status._asdict())


def encode_refusal(reason: str) -> bytes:
    """Write the data of the only `status` of a stream that ends at once: `full` or `behind`."""
    problems = [REFUSALS[reason]]
    return msgspec.json.encode({"stale_since": None, "problems": problems, "refused": reason})

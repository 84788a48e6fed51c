"""Whether what is shown is still the newest, pure: the data of a `status` event."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import msgspec


class Witness(Protocol):
    """A relay, which knows whether the broker answers it."""

    def problem(self) -> str:
        """Say why what it gives may be old; empty when all is well."""

    def seen_ms(self) -> int:
        """Give when the broker answered last, in milliseconds since the epoch, 0 for never."""


class Status(NamedTuple):
    """Since when the board may be old (None: it is the newest), and all that is wrong, in words."""

    stale_since: int | None
    problems: tuple[str, ...]


def status(board: Witness, others: Iterable[Witness], started_ms: int) -> Status:
    """Judge by the relays; a board whose broker never answered is old since the start."""
    problem = board.problem()
    problems = [problem, *(other.problem() for other in others)]
    since = (board.seen_ms() or started_ms) if problem else None
    return Status(since, tuple(filter(None, problems)))


def explain(status: Status) -> str:
    """Write a status as a line of the log."""
    return "; ".join(status.problems) or "all is read and up to date"


def encode(status: Status) -> bytes:
    """Write a status as the data of an event."""
    return msgspec.json.encode(status._asdict())


def encode_refusal(reason: str, problem: str) -> bytes:
    """Write the data of the only `status` of a stream that ends at once.

    Args:
        reason: `full` or `behind`, for programs.
        problem: The same in words.
    """
    return msgspec.json.encode({"stale_since": None, "problems": [problem], "refused": reason})

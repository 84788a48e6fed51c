"""Whether the board that is shown is the newest: the data of a `status` event; pure."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

# An EventSource never reconnects after any status but 200, so a refusal is a stream that ends.
REFUSALS = {
    "full": "too many streams are open; try again later",
    "behind": "this server is behind; another one may not be",
}

LAG_SECONDS = 15


class BoardLag:
    """Whether the board lags behind the table of bests: top5 does not run, or holds it back.

    The ranks of this process are that table. A board on its way differs from it for a moment.

    Args:
        pause_seconds: Between two boards that top5 writes, at least.
    """

    def __init__(self, pause_seconds: float = 0.0) -> None:
        self._limit_seconds = LAG_SECONDS + pause_seconds
        self.since_ms = 0  # when the difference was first seen
        self._event_id = ""
        self._began: float | None = None
        self._checked = 0.0

    def update(self, event_id: str, *, is_same: bool, now: float, now_ms: int) -> None:
        """Note whether the newest board has the rows that the table has; `now` is in seconds."""
        is_newer, self._event_id, self._checked = event_id != self._event_id, event_id, now
        if is_same or is_newer:
            self._began = None
        if not is_same and self._began is None:
            self._began, self.since_ms = now, now_ms

    def problem(self) -> str:
        """Return that no board has come for 15 s, and a pause, although the table has changed."""
        limit = self._limit_seconds
        if self._began is None or self._checked - self._began <= limit:
            return ""
        return f"for more than {limit:g} s the board is not that of the bests: does top5 run?"


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
            its reader has any problem; and since when the board lags, where it does.
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

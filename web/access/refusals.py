"""What clients are refused because a limit is reached: counted, and logged once a minute."""

import logging
from collections import Counter
from typing import Literal, NamedTuple

log = logging.getLogger(__name__)

REPORT_SECONDS = 60  # between two log lines

Limit = Literal["server", "client"]  # of all clients together, or of one


class Refusal(NamedTuple):
    """What was refused, "connection", "stream" or "post", and by which limit."""

    what: str
    limit: Limit


class Refusals:
    """Counts refusals; `report` logs those since the last report, with the last client of each."""

    def __init__(self) -> None:
        self.counts: Counter[Refusal] = Counter()  # ever
        self._reported: Counter[Refusal] = Counter()
        self._last_clients: dict[Refusal, str] = {}
        self._next_report = 0.0

    def add(self, what: str, limit: Limit, client: str) -> None:
        """Count one refusal of a client, which is known by its address."""
        refusal = Refusal(what, limit)
        self.counts[refusal] += 1
        self._last_clients[refusal] = client

    def report(self, now: float) -> None:
        """Log what was refused since the last report; `now` is in seconds. Call it often."""
        news = self.counts - self._reported
        if news and now >= self._next_report:
            self._next_report = now + REPORT_SECONDS
            self._reported = self.counts.copy()
            log.warning("refused: %s", "; ".join(self._text(*each) for each in news.items()))

    def _text(self, refusal: Refusal, count: int) -> str:
        of = "all clients" if refusal.limit == "server" else "one client"
        last = self._last_clients[refusal]
        return f"{refusal.what}s beyond the limit of {of}: {count}, last from {last}"

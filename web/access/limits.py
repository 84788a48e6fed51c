"""Limits for each client: a rate for its posts, a number for its streams and connections; pure.

A client is known by its address (forwarded.py).
"""

from collections import Counter, OrderedDict

from web.access.refusals import Limit

CLIENTS = 10_000  # remembered by a rate limiter; the least recently seen is dropped first


class RateLimiter:
    """A token bucket for each client, filled at a rate up to `burst`; a rate of 0 is no limit."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, when

    def acquire(self, client: str, now: float) -> float:
        """Take a token at `now`; return 0, or the seconds until there is one."""
        if not self._per_second:
            return 0
        tokens, then = self._buckets.pop(client, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - then) * self._per_second)
        granted = tokens >= 1
        self._buckets[client] = (tokens - 1 if granted else tokens, now)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        return 0 if granted else (1 - tokens) / self._per_second


class ConcurrencyLimiter:
    """At most `total` at the same time, and at most `each` for one client; 0 is no limit.

    The app has one for streams, the server one for connections. One limiter cannot serve both: a
    stream counts by the address that a trusted proxy reports, a connection before its first byte.
    """

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._counts: Counter[str] = Counter()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def acquire(self, client: str) -> Limit | None:
        """Count one more of a client, or return the limit that is reached; `release` undoes it."""
        if self._total and self._count >= self._total:
            return "server"
        if self._each and self._counts[client] >= self._each:
            return "client"
        self._counts[client] += 1
        self._count += 1
        return None

    def release(self, client: str) -> None:
        """Count one less of a client."""
        self._count -= 1
        self._counts[client] -= 1
        if not self._counts[client]:
            del self._counts[client]

"""How much one client may do, pure: tokens for its posts, places for its streams.

A client is known by its address; behind proxies it is the one that the outermost trusted proxy saw.
"""

from collections import Counter, OrderedDict
from ipaddress import IPv6Address, ip_address

CLIENTS = 10_000  # remembered, at most; the one that was quiet for longest is forgotten first


def client(peer: str, forwarded_for: list[str], trusted_proxies: int) -> str:
    """Give the address that limits count by.

    Each proxy appends whom it saw to X-Forwarded-For, so the client stands as many places from the
    end as there are trusted proxies; whatever stands before it may be forged. An IPv6 client counts
    by its /64, which is what one customer gets.
    """
    hops = [hop.strip() for line in forwarded_for for hop in line.split(",")]
    seen = hops[-trusted_proxies] if 0 < trusted_proxies <= len(hops) else peer
    try:
        address = ip_address(seen)
    except ValueError:
        return peer
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return str(address)


class RateLimiter:
    """A bucket of tokens for each client, filled at a rate, full at `burst`; 0: no limit."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, at

    def take(self, name: str, now: float) -> float:
        """Take a token at `now` in seconds; give 0, or the seconds until there is one."""
        if not self._per_second:
            return 0
        tokens, at = self._buckets.pop(name, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - at) * self._per_second)
        granted = tokens >= 1
        self._buckets[name] = (tokens - 1 if granted else tokens, now)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        return 0 if granted else (1 - tokens) / self._per_second


class ConcurrencyLimiter:
    """ConcurrencyLimiter for streams: so many in all, and so many for each client; 0: no limit."""

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._taken: Counter[str] = Counter()
        self._count = 0

    def take(self, name: str) -> bool:
        """Take a place if there is one; `leave` gives it back."""
        full = self._total and self._count >= self._total
        if full or (self._each and self._taken[name] >= self._each):
            return False
        self._taken[name] += 1
        self._count += 1
        return True

    def leave(self, name: str) -> None:
        """Give a place back."""
        self._count -= 1
        self._taken[name] -= 1
        if not self._taken[name]:
            del self._taken[name]

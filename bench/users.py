"""Users with scores, and requests for their ranks: the same for everyone who is measured."""

import random
import statistics
from collections.abc import Iterator, Sequence

from bench.facts import Row

REQUESTS = 1_000  # a second
UPDATES = 1_000  # a second
BEST = 1_000_000  # score
TIME = 1_764_000_000_000  # of each score, in ms
LATE_SECONDS = 10  # after the end, in which is asked what could not be asked in time

random_below = random.Random(7).randrange  # noqa: S311 - a game


def scores(users: int) -> Iterator[tuple[bytes, int]]:
    """Yield each user with a score."""
    for number in range(users):
        yield b"player-%d" % number, random_below(BEST)


def any_user(users: int) -> bytes:
    """Return one of the users."""
    return b"player-%d" % random_below(users)


def summary(times: Sequence[float], seconds: float) -> Row:
    """Return the rate of requests, and how long they took from when they were due, in ms."""
    return {
        "requests_per_second": len(times) / seconds,
        "request_p50_ms": statistics.median(times),
        "request_p99_ms": statistics.quantiles(times, n=100)[98],
    }

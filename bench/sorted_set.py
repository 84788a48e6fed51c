"""A sorted set of Redis with many users: the time that it reports itself, and through a socket."""

import time
from collections.abc import Callable, Iterator
from itertools import islice

from bench.facts import Row
from bench.redis import Redis
from bench.users import BEST, any_user, random_below, scores

PIPELINE = 10_000  # commands at once, while it is filled
CALLS = 2_000  # of each kind
SET = b"board"


def measure(redis: Redis, users: int) -> Iterator[Row]:
    """Measure a sorted set: the time that Redis itself reports, then with the way there and back.

    It orders equal scores by name, and has no time.
    """
    of = {"users": users, **_fill(redis, users)}
    calls: dict[str, Callable[[], object]] = {
        "update": lambda: redis.ask(b"ZADD", SET, b"%d" % random_below(BEST), any_user(users)),
        "rank": lambda: redis.ask(b"ZREVRANK", SET, any_user(users)),
        "around": lambda: _range(redis, users, 5),
        "page": lambda: _range(redis, users, 100),
    }
    micros = {f"{kind}_us": _micros(redis, call) for kind, call in calls.items()}
    for index, who in enumerate(("Redis, its own time", "Redis, through a socket")):
        yield {"who": who, **of, **{name: pair[index] for name, pair in micros.items()}}


def _fill(redis: Redis, users: int) -> dict[str, float]:
    before, started, pairs = _memory(redis), time.monotonic(), scores(users)
    while some := list(islice(pairs, PIPELINE)):
        redis.ask_all([(b"ZADD", SET, b"%d" % score, user) for user, score in some])
    ready = time.monotonic() - started
    return {"bytes_per_user": (_memory(redis) - before) / users, "ready_seconds": ready}


def _micros(redis: Redis, call: Callable[[], object]) -> tuple[float, float]:
    """Return the time of a call as Redis reports it, and as it is here."""
    redis.ask(b"CONFIG", b"RESETSTAT")
    began = time.monotonic()
    for _ in range(CALLS):
        call()
    passed = time.monotonic() - began
    # Of the commands since the reset, the one on sorted sets.
    (stat,) = [it for name, it in redis.facts(b"commandstats").items() if "_z" in name]
    own = float(stat.partition("usec_per_call=")[2].partition(",")[0])
    return own, passed / CALLS * 1e6


def _range(redis: Redis, users: int, count: int) -> object:
    first = random_below(users)
    return redis.ask(b"ZREVRANGE", SET, b"%d" % first, b"%d" % (first + count - 1), b"WITHSCORES")


def _memory(redis: Redis) -> int:
    return int(redis.facts(b"memory")["used_memory"])

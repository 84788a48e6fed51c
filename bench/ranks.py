"""Ranks of many users: ours in the process and through HTTP, beside a sorted set of Redis.

Everyone has the same users and scores. `python -m bench.ranks inside USERS SECONDS` measures in a
process of its own, whose memory nothing else uses; `asking PORT USERS RATE SECONDS` is the client.
"""

import asyncio
import json
import random
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

from confluent_kafka import Producer

from bench.facts import Part, Row
from bench.latency import PARTS, await_ready
from bench.redis import Redis, running
from bench.runs import cpu_seconds, memory_mib, start, stop
from bench.topics import produce, producer, producing
from conf.loading import load
from conf.settings import Settings
from dataflows.kafka.topics import await_topics
from dataflows.leaderboard import rank_keys
from local.claims import ports
from web.__main__ import set_up_interpreter
from web.kafka.table import BATCH, PAUSE_SECONDS, WORK_SECONDS
from web.ranks import documents
from web.ranks.rankings import Change, Rankings

UPDATES = 1_000  # a second
UPDATED = 50  # users at once
CALLS = 2_000  # of each kind
CONNECTIONS = 50  # of the client
PIPELINE = 10_000  # commands to Redis at once, while it is filled
BEST = 1_000_000  # score
TIME = 1_764_000_000_000
SET = b"board"
RANK_PATH = "/boards/all-time/users/player-%d"

_random = random.Random(7)  # noqa: S311 - a game


def run(settings: Settings, environment: Mapping[str, str], users: int, seconds: float) -> Part:
    """Measure everyone with so many users."""
    part = Part([], {})
    part.add(_inside(users, seconds))
    part.add(_http(settings, environment, users, seconds))
    server = shutil.which("redis-server")
    if server is None:
        part.skipped["Redis"] = "redis-server is not installed"
        return part
    with running(server) as redis:
        for row in _sorted_set(redis, users):
            part.add(row)
    return part


def _scores(users: int) -> Iterator[tuple[bytes, int]]:
    """Yield each player with a score."""
    for number in range(users):
        yield b"player-%d" % number, _random.randrange(BEST)


def _inside(users: int, seconds: float) -> Row:
    command = [sys.executable, "-m", "bench.ranks", "inside", str(users), str(seconds)]
    found: Row = json.loads(subprocess.check_output(command))  # noqa: S603 - our own
    return {"who": "ours, in the process", "users": users, **found}


class _Inside:
    """The rankings in this process, changed by a thread as the reader does."""

    def __init__(self, users: int) -> None:
        self.rankings = Rankings(load())
        self._users = users
        self._stopping = threading.Event()
        self.ready_seconds = self.update_us = self._pause_at = 0.0
        self.is_ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def stop(self) -> None:
        self._stopping.set()
        self.thread.join()

    def _run(self) -> None:
        started = time.monotonic()
        scores = _scores(self._users)
        while changes := [_change(*pair) for pair in islice(scores, BATCH)]:
            self.rankings.load(changes)
            self._pause_if_due()
        for _ in self.rankings.build():
            self._pause_if_due()
        self.rankings.not_ready = ""
        self.ready_seconds = time.monotonic() - started
        self.is_ready.set()
        self._update()

    def _pause_if_due(self) -> None:
        if time.monotonic() >= self._pause_at:
            self._stopping.wait(PAUSE_SECONDS)
            self._pause_at = time.monotonic() + WORK_SECONDS

    def _update(self) -> None:
        started, used, count = time.monotonic(), 0.0, 0
        while not self._stopping.wait(max(0, started + count / UPDATES - time.monotonic())):
            changes = [
                _change(b"player-%d" % _random.randrange(self._users)) for _ in range(UPDATED)
            ]
            before = time.thread_time()
            self.rankings.apply(changes, {})
            used += time.thread_time() - before
            count += UPDATED
        self.update_us = used / max(1, count) * 1e6


def _change(user: bytes, score: int | None = None) -> Change:
    score = _random.randrange(BEST) if score is None else score
    return Change("all-time", "", user, rank_keys([score], [TIME])[0])


async def _measure_inside(users: int, seconds: float) -> Row:
    set_up_interpreter()
    before = _resident()
    inside = _Inside(users)
    inside.thread.start()
    holds = await _holds(inside)
    resident = (_resident() - before) / users
    times = await _ask(inside, users, seconds)
    inside.stop()
    with inside.rankings.open("all-time") as ranked:
        ranking = ranked.ranking
        found = {
            "rank_us": _micros(lambda: ranking.find(b"player-%d" % _random.randrange(users))),
            "around_us": _micros(lambda: ranking.around(_random.randrange(1, users), 2)),
            "page_us": _micros(lambda: ranking.rows(_random.randrange(1, users), 100)),
        }
    return {
        "bytes_per_user": resident,
        "ready_seconds": inside.ready_seconds,
        "update_us": inside.update_us,
        **found,
        "request_p50_ms": statistics.median(times),
        "request_p99_ms": statistics.quantiles(times, n=100)[98],
        "hold_p99_ms": statistics.quantiles(holds, n=100)[98],
        "hold_ms": max(holds),
    }


async def _holds(inside: _Inside) -> list[float]:
    """Return how long the thread has held the event loop, in ms, until the ranks are ready.

    That is the CPU time of the thread within a wait of the loop, or the time by which the loop was
    late, if that is less: so other programs on the machine count little.
    """
    clock = time.pthread_getcpuclockid(inside.thread.ident or 0)
    holds = [0.0]
    while not inside.is_ready.is_set():
        began, used = time.monotonic(), time.clock_gettime(clock)
        await asyncio.sleep(0.001)
        late = time.monotonic() - began - 0.001
        holds.append(1_000 * min(late, time.clock_gettime(clock) - used))
    return holds


async def _ask(inside: _Inside, users: int, seconds: float) -> list[float]:
    """Answer 1,000 requests a second beside the updates; return the ms of each."""
    times: list[float] = []
    started = time.monotonic()
    while (now := time.monotonic()) < started + seconds:
        if now >= started + len(times) / UPDATES:
            with inside.rankings.open("all-time") as ranked:
                user = f"player-{_random.randrange(users)}"
                documents.encode(documents.player(ranked, user, 2))
            times.append((time.monotonic() - now) * 1_000)
        await asyncio.sleep(0)
    return times


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096.0


def _micros(call: Callable[[], object]) -> float:
    before = time.thread_time()
    for _ in range(CALLS):
        call()
    return (time.thread_time() - before) / CALLS * 1e6


def _http(settings: Settings, environment: Mapping[str, str], users: int, seconds: float) -> Row:
    """Ask the web app through HTTP, 1,000 times a second, beside 1,000 updates a second."""
    name = await_topics(settings)["high_scores"].name
    out = producer(settings)
    for user, score in _scores(users):
        produce(out, name, user, b"%d" % score, timestamp=TIME)
    out.flush(120)
    (port,) = ports(0)
    started = time.monotonic()
    processes = start(PARTS[2], {**environment, "LEADERBOARD_WEB__PORT": str(port)})
    try:
        await_ready(port)
        ready = time.monotonic() - started
        with producing(settings, UPDATES, partial(_update, name, users)):
            _asked(port, users, seconds)  # warms up Kafka, whose code is new
            used = cpu_seconds([processes[0].pid])
            found = _asked(port, users, seconds)
            cores = (cpu_seconds([processes[0].pid]) - used) / seconds
        memory = memory_mib(processes[0].pid) * 2**20 / users
    finally:
        stop(processes)
    return {
        "who": "ours, through HTTP",
        "users": users,
        "bytes_per_user": memory,
        "ready_seconds": ready,
        **found,
        "server_cores": cores,
    }


def _update(topic: str, users: int, out: Producer, _: int) -> None:
    out.produce(topic, b"%d" % _random.randrange(BEST), _any(users))


def _asked(port: int, users: int, seconds: float) -> Mapping[str, float]:
    given = [str(port), str(users), str(UPDATES), str(seconds)]
    command = [sys.executable, "-m", "bench.ranks", "asking", *given]
    found: Mapping[str, float] = json.loads(subprocess.check_output(command))  # noqa: S603
    return found


async def _measure_asking(port: int, users: int, rate: float, seconds: float) -> Row:
    """Ask on some connections, each at its own pace; return the ms from a request to its answer."""
    times: list[float] = []
    until = time.monotonic() + seconds
    pause = CONNECTIONS / rate
    asking = (_ask_again(port, users, until, pause, times) for _ in range(CONNECTIONS))
    await asyncio.gather(*asking)
    cuts = statistics.quantiles(times, n=100)
    return {
        "requests_per_second": len(times) / seconds,
        "request_p50_ms": cuts[49],
        "request_p99_ms": cuts[98],
    }


async def _ask_again(port: int, users: int, until: float, pause: float, times: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    due = time.monotonic() + _random.random() * pause
    while due < until:
        await asyncio.sleep(max(0, due - time.monotonic()))
        path = RANK_PATH % _random.randrange(users)
        began = time.monotonic()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length))
        times.append((time.monotonic() - began) * 1_000)
        if b'"rank":' not in body:
            raise RuntimeError(head + body)
        due += pause
    writer.close()


def _sorted_set(redis: Redis, users: int) -> Iterator[Row]:
    """Measure a sorted set: the time that Redis itself reports, then with the way there and back.

    It orders equal scores by name, and has no time.
    """
    before = _memory(redis)
    started = time.monotonic()
    scores = _scores(users)
    while some := list(islice(scores, PIPELINE)):
        redis.ask_all([(b"ZADD", SET, b"%d" % score, user) for user, score in some])
    ready = time.monotonic() - started
    taken = (_memory(redis) - before) / users
    redis.ask(b"CONFIG", b"RESETSTAT")
    kinds: dict[str, Callable[[], object]] = {
        "update": lambda: redis.ask(b"ZADD", SET, b"%d" % _random.randrange(BEST), _any(users)),
        "rank": lambda: redis.ask(b"ZREVRANK", SET, _any(users)),
        "around": lambda: _range(redis, users, 5),
        "page": lambda: _range(redis, users, 100),
    }
    own, whole = {}, {}
    for kind, call in kinds.items():
        redis.ask(b"CONFIG", b"RESETSTAT")
        began = time.monotonic()
        for _ in range(CALLS):
            call()
        whole[f"{kind}_us"] = (time.monotonic() - began) / CALLS * 1e6
        own[f"{kind}_us"] = _own_micros(redis)
    of = {"users": users, "bytes_per_user": taken, "ready_seconds": ready}
    yield {"who": "Redis, its own time", **of, **own}
    yield {"who": "Redis, through a socket", **of, **whole}


def _any(users: int) -> bytes:
    return b"player-%d" % _random.randrange(users)


def _range(redis: Redis, users: int, count: int) -> object:
    first = _random.randrange(users)
    return redis.ask(b"ZREVRANGE", SET, b"%d" % first, b"%d" % (first + count - 1), b"WITHSCORES")


def _memory(redis: Redis) -> int:
    return int(redis.facts(b"memory")["used_memory"])


def _own_micros(redis: Redis) -> float:
    """Return the mean of the commands on sorted sets since the last reset."""
    stats = [it for name, it in redis.facts(b"commandstats").items() if "_z" in name]
    return float(stats[0].partition("usec_per_call=")[2].partition(",")[0])


def main(arguments: list[str]) -> None:
    """Measure as one of the processes, and print the result."""
    kind, *given = arguments
    if kind == "inside":
        measured = _measure_inside(int(given[0]), float(given[1]))
    else:
        port, users, rate, seconds = given
        measured = _measure_asking(int(port), int(users), float(rate), float(seconds))
    print(json.dumps(asyncio.run(measured)))


if __name__ == "__main__":
    main(sys.argv[1:])

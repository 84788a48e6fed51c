"""Latency of scores that change the board: from the producer's clock to topics and an SSE client.

The value of a leading score is the time in microseconds at which it was made. So it always leads,
and an observer can compute its latency. Most scores are low and change nothing.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from confluent_kafka import Producer

from bench.runs import Candidate, broker_pid, cpu_seconds, start, stop
from bench.sending import finish, produce
from bench.web import READY_SECONDS, await_ready
from conf import clients
from conf.settings import Settings
from local import children
from local.claims import ports

LEADING_SHARE = 10  # one score in this many leads
USERS = 97
GRACE_SECONDS = 1  # for the last scores to arrive
WARM_SHARE = 3  # the first third warms up Kafka and does not count

QUICK = {"LEADERBOARD_WEB__HEARTBEAT_SECONDS": "0.2"}  # so that the observer sees its end

PARTS = (
    Candidate("highscores", "bytewax.run", ["dataflows.highscores", "-s", "1"]),
    Candidate("top5", "bytewax.run", ["dataflows.top5", "-s", "1"]),
    Candidate("web", "web", []),
)


class Load(NamedTuple):
    """The rate of scores, the duration, and the settings."""

    rate: int  # scores a second
    seconds: float
    guarantee: str = "exactly_once"
    boards: int = 20  # a second of top5 at most, and the web's default; 0 for no limit of either

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings as environment variables."""
        return {
            "LEADERBOARD_GUARANTEE": self.guarantee,
            "LEADERBOARD_TOP5__UPDATES_PER_SECOND": str(self.boards),
            **({} if self.boards else {"LEADERBOARD_WEB__UPDATES_PER_SECOND": "0"}),
        }


def run(
    settings: Settings, environment: Mapping[str, str], load: Load
) -> Iterator[dict[str, float | str]]:
    """Send scores; yield for each topic and the client the p50, p99 and longest latency in ms."""
    (port,) = ports(0)
    given = {**environment, "LEADERBOARD_WEB__PORT": str(port), **QUICK}
    processes = [process for part in PARTS for process in start(part, given)]
    try:
        await_ready(port)
        with _observing(port, given) as observer:
            pids = [process.pid for process in processes]
            before = _usage(pids)
            sent = _play(settings, load)
            used = [end - begin for begin, end in zip(before, _usage(pids), strict=True)]
            time.sleep(GRACE_SECONDS)
            seen = _ask(observer)
    finally:
        stop(processes)
    counted = sent[len(sent) // WARM_SHARE :]
    facts = load._asdict()
    facts.pop("seconds")
    for to, observed in seen.items():
        cores = {"our_cores": used[0] / load.seconds, "broker_cores": used[1] / load.seconds}
        yield {**facts, "to": to, **_summary(delays(counted, observed)), **cores}


def _usage(pids: Sequence[int]) -> tuple[float, float]:
    """Return the CPU seconds that the flows and the web app have used, and those of the broker."""
    return cpu_seconds(pids), cpu_seconds([broker_pid()])


def _summary(found: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(found, n=100, method="inclusive")
    return {"scores": len(found), "p50_ms": cuts[49], "p99_ms": cuts[98], "max_ms": max(found)}


def delays(sent: Sequence[int], observed: Sequence[tuple[int, int]]) -> list[float]:
    """Return for each score the ms until it, or a later leading score, was observed.

    Args:
        sent: Leading scores, in order: each is its own time in microseconds.
        observed: Pairs of a leading score and the time of observation, in the order of time.

    Raises:
        TimeoutError: The last of them were never observed.
    """
    leaders: list[int] = []
    times: list[int] = []
    for leader, at in observed:
        if not leaders or leader > leaders[-1]:
            leaders.append(leader)
            times.append(at)
    if not leaders or sent[-1] > leaders[-1]:
        msg = f"leading scores that were never seen, the last of {len(sent)} sent"
        raise TimeoutError(msg)
    return [(times[bisect_left(leaders, score)] - score) / 1000 for score in sent]


def _play(settings: Settings, load: Load) -> list[int]:
    """Send scores at a steady rate; return the leading ones."""
    producer = Producer(clients.producer(settings))
    topic = settings.topics.scores.name
    leading: list[int] = []
    started = time.monotonic()
    for number in range(int(load.rate * load.seconds)):
        due = started + number / load.rate
        while (left := due - time.monotonic()) > 0:
            producer.poll(min(left, 0.001))
        score = 1
        if number % LEADING_SHARE == 0:
            score = time.time_ns() // 1000
            leading.append(score)
        produce(producer, topic, b"player-%d" % (number % USERS), b"%d" % score)
    finish(producer)
    return leading


@contextmanager
def _observing(port: int, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    observer = children.start(
        [sys.executable, "-m", "bench.observer", str(port)],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        if observer.stdout is None or not observer.stdout.readline():
            msg = "the observer did not start"
            raise TimeoutError(msg)
        yield observer
    finally:
        children.stop(observer, 5)


def _ask(observer: subprocess.Popen[bytes]) -> dict[str, list[tuple[int, int]]]:
    found, _ = observer.communicate(timeout=READY_SECONDS)
    seen: dict[str, list[tuple[int, int]]] = json.loads(found)
    return seen

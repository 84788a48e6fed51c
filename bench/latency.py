"""Latency: from the producer's clock to the bytes of an SSE client, of scores that lead the board.

A leading score is the time at which it was made, in microseconds, so it always leads, and the
client's clock says how long it took. Most scores are low ones that change nothing.
"""

import http.client
import json
import statistics
import threading
import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Producer

from bench.runs import Candidate, start, stop
from conf import clients
from conf.settings import Settings
from local.claims import ports

LEADING_SHARE = 10  # one score in so many leads
READY_SECONDS = 60


def run(
    settings: Settings, environment: Mapping[str, str], rate: int, seconds: float
) -> dict[str, float]:
    """Play at `rate` scores a second for that long; gives p50, p99 and the longest in ms."""
    (port,) = ports(0)
    given = {
        **environment,
        "LEADERBOARD_WEB__PORT": str(port),
        "LEADERBOARD_TOP5__UPDATES_PER_SECOND": "0",
    }
    parts = [
        Candidate("highscores", "bytewax.run", ["dataflows.highscores", "-s", "1"]),
        Candidate("top5", "bytewax.run", ["dataflows.top5", "-s", "1"]),
        Candidate("web", "web", []),
    ]
    processes = [process for part in parts for process in start(part, given)]
    try:
        latencies = _measure(settings, port, rate, seconds)
    finally:
        stop(processes)
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "rate": rate,
        "boards": len(latencies),
        "p50_ms": cuts[49],
        "p99_ms": cuts[98],
        "max_ms": max(latencies),
    }


def _measure(settings: Settings, port: int, rate: int, seconds: float) -> list[float]:
    await_ready(port)
    found: list[float] = []
    ended = threading.Event()
    player = threading.Thread(target=_play, args=(settings, rate, seconds, ended))
    player.start()
    for row in _leaders(port, ended):
        sent = int(row["score"])
        if sent > time.time_ns() // 1000 - 60_000_000:  # a leading one of this run
            found.append((time.time_ns() / 1000 - sent) / 1000)
    player.join()
    return found[len(found) // 3 :]  # the first third warms up Kafka


def await_ready(port: int) -> None:
    """Wait until the web app on this machine is ready.

    Raises:
        TimeoutError: It was not in time.
    """
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/ready")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            pass
        time.sleep(0.2)
    msg = f"the web app was not ready within {READY_SECONDS} s"
    raise TimeoutError(msg)


def _play(settings: Settings, rate: int, seconds: float, ended: threading.Event) -> None:
    producer = Producer(clients.producer(settings))
    topic = settings.topics.scores.name
    started = time.monotonic()
    for number in range(int(rate * seconds)):
        due = started + number / rate
        while (left := due - time.monotonic()) > 0:
            producer.poll(min(left, 0.001))
        score = 1 if number % LEADING_SHARE else time.time_ns() // 1000
        producer.produce(topic, b"%d" % score, b"latency-%d" % (number % 97))
    producer.flush(30)
    ended.set()


def _leaders(port: int, ended: threading.Event) -> Iterator[dict[str, str]]:
    """Yield the first row of each board that comes, until a second after the end."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    connection.request("GET", "/highScores")
    response = connection.getresponse()
    while True:
        try:
            line = response.readline()
        except TimeoutError:
            line = b""
        if line.startswith(b"data: "):
            yield from json.loads(line[6:])["rows"][:1]
        elif ended.is_set():
            return connection.close()

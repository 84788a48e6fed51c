"""Fan-out: many clients of a stream over HTTP/1.1, boards and scores published on Kafka.

`python -m bench.fanout CLIENTS UPDATES_PER_SECOND SECONDS` measures one web process once, on a
broker of its own; with `--workers N`, so many. `--path /live --scores 300` is what pages do. With
`--users N`, ranks of so many users are changed and, unless the setting `web.ranks` is false, asked
for meanwhile, each 1,000 times a second.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Producer

from bench import ranks
from bench.facts import Row
from bench.runs import broker_pid, cpu_seconds
from bench.sending import produce, producing, shortfall
from bench.users import UPDATES
from bench.web import serving
from conf import clients
from conf.loading import load
from conf.settings import Settings
from dataflows import leaderboard
from dataflows.kafka.topics import await_topics
from dataflows.wire import encode_board
from local import children
from local.kafka import running

SETTLE_SECONDS = 1.0  # after the connects, before memory and CPU are read
ROWS = 5
USERS = 5_000
NO_LIMITS = {"LEADERBOARD_WEB__STREAMS": "0", "LEADERBOARD_WEB__STREAMS_PER_CLIENT": "0"}


class Crowd(NamedTuple):
    """Clients of a path, boards and scores a second, the duration, and the web's processes."""

    clients: int
    updates_per_second: float
    seconds: float
    path: str = "/live"
    scores: int = 300
    workers: int = 1


def run(crowd: Crowd, users: int = 0) -> Row:
    """Connect clients all at once, publish boards and scores, and measure what arrives, and how.

    The broker and the topics are those of the settings. Latency is from the producer's clock to
    the client's. Clients and server share the machine, so the CPU of each is measured separately.
    """
    settings = load()
    publish_score = partial(_publish_score, await_topics(settings)["scores"].name)
    boards = _Boards(settings)
    boards.publish()
    if users:
        ranks.fill(settings, settings.topics.high_scores.name, users)
    with serving(NO_LIMITS, "--workers", str(crowd.workers)) as (port, pid):
        before = _Usage(pid)
        publishing = producing(settings, crowd.scores, publish_score)
        with _watching(port, crowd) as watchers, publishing as sent:
            found = _line(watchers)
            time.sleep(SETTLE_SECONDS)
            settled = _Usage(pid)
            seconds = crowd.seconds - 2 * SETTLE_SECONDS
            with _ranking(settings, port, users, seconds) if users else nullcontext():
                boards.publish_at(crowd.updates_per_second, seconds)
            ended = _Usage(pid)
            found |= _line(watchers)
    found["delivered"] = found["events"] / max(1, crowd.clients * (boards.published - 1))
    found["events_per_second"] = found["events"] / (ended.at - settled.at)
    found["scores_per_second"] = sent.result()
    used = _used(crowd, before, settled, ended)
    return {**crowd._asdict(), **found, **used, "wrong": fault(crowd, found)}


def fault(crowd: Crowd, found: Row) -> str:
    """Say what is wrong: clients without a board are in no figure, and too few scores cost less."""
    unserved, lost = crowd.clients - found["served"], found["lost"]
    faults = [
        f"{unserved:,} of {crowd.clients:,} clients not served" if unserved else "",
        f"{lost:,} of {crowd.clients:,} clients lost" if lost else "",
        shortfall(found["scores_per_second"], crowd.scores, "scores/s"),
    ]
    return ", ".join(filter(None, faults))


class _Usage:
    """What a process, its children and the broker have used by a time: CPU seconds, KiB."""

    def __init__(self, pid: int) -> None:
        own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        pids = [str(pid), *own]
        self.cpu_seconds = cpu_seconds(map(int, pids))
        self.broker = cpu_seconds([broker_pid()])
        self.kib = sum(map(_kib, pids))
        self.at = time.monotonic()


def _used(crowd: Crowd, before: _Usage, settled: _Usage, ended: _Usage) -> Row:
    """Return the CPU and the memory of the connects, and of what followed."""
    wall = ended.at - settled.at
    return {
        "server_cores": (ended.cpu_seconds - settled.cpu_seconds) / wall,
        "broker_cores": (ended.broker - settled.broker) / wall,
        "kib_per_client": (settled.kib - before.kib) / crowd.clients,
        "grown_kib": ended.kib - settled.kib,
        "storm_cpu_seconds": settled.cpu_seconds - before.cpu_seconds,
    }


def _kib(pid: str) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


class _Boards:
    """Publishes boards; the first score of each is the time of its publishing in microseconds."""

    def __init__(self, settings: Settings) -> None:
        self._producer = Producer(clients.producer(settings))
        self._topic = settings.topics.top_5.name
        self.published = 0

    def publish(self) -> None:
        now = time.time_ns() // 1000
        rows = tuple(
            leaderboard.Row(1 + n, f"player-{n}", now // 1000**n, now // 1000) for n in range(ROWS)
        )
        self._producer.produce(
            self._topic,
            encode_board(leaderboard.Board("all-time", 81_204, now // 1000, rows)),
            b"all-time",
        )
        self._producer.flush(10)
        self.published += 1

    def publish_at(self, rate: float, seconds: float) -> None:
        started = time.monotonic()
        for number in range(int(rate * seconds)):
            time.sleep(max(0, started + number / rate - time.monotonic()))
            self.publish()
        time.sleep(max(0, started + seconds - time.monotonic()))


def _publish_score(topic: str, out: Producer, number: int) -> None:
    produce(out, topic, b"player-%d" % (number % USERS), b"%d" % (number % 1_000))


@contextmanager
def _watching(port: int, crowd: Crowd) -> Iterator[subprocess.Popen[bytes]]:
    given = [str(port), crowd.path, str(crowd.clients), str(crowd.seconds)]
    command = [sys.executable, "-m", "bench.watchers", *given]
    with children.start(command, stdout=subprocess.PIPE) as watchers:
        yield watchers


@contextmanager
def _ranking(settings: Settings, port: int, users: int, seconds: float) -> Iterator[None]:
    """Change the ranks of any users, and ask for them, for so many seconds."""
    update = partial(ranks.update, settings.topics.high_scores.name, users)
    command = [sys.executable, "-m", "bench.asking", *map(str, (port, users, seconds))]
    with producing(settings, UPDATES, update):
        if not settings.web.ranks:
            yield
            return
        with children.start(command, stdout=subprocess.DEVNULL):
            yield


def _line(process: subprocess.Popen[bytes]) -> Row:
    if process.stdout is None or not (line := process.stdout.readline()):
        msg = "the watchers ended without a result"
        raise RuntimeError(msg)
    found: Row = json.loads(line)
    return found


def main() -> None:
    """Measure once, and print the result."""
    parser = argparse.ArgumentParser(prog="python -m bench.fanout", description=__doc__)
    parser.add_argument("clients", type=int)
    parser.add_argument("updates_per_second", type=float)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--path", default="/highScores")
    parser.add_argument("--scores", type=int, default=0, help="a second")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--users", type=int, default=0)
    given = vars(parser.parse_args())
    users = given.pop("users")
    with tempfile.TemporaryDirectory() as data, running(Path(data)) as address:
        os.environ["LEADERBOARD_BOOTSTRAP_SERVERS"] = address
        found = run(Crowd(**given), users)
        print(json.dumps({name: _tidy(it) for name, it in found.items()}, indent=1))


def _tidy(value: float | str) -> float | str:
    """Round a figure."""
    return value if isinstance(value, str) else round(value, 2)


if __name__ == "__main__":
    main()

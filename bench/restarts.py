"""Restart after kill -9: the time to the next right output with many users; memory and CPU at rest.

The table has two messages for each user, as it may have before compaction.
"""

import itertools
import json
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Producer

from bench import game as games
from bench.facts import Row
from bench.game import Game
from bench.latency import PARTS, await_ready
from bench.runs import broker_pid, cpu_seconds, memory_mib, start, stop
from bench.topics import Ends, News, produce, producer
from conf import clients
from conf.settings import Settings
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.topics import await_topics
from dataflows.positions import positions
from dataflows.wire import ORIGIN
from local.claims import ports

if TYPE_CHECKING:
    import subprocess

OUTPUT_SECONDS = 60
COUNT_SECONDS = 240
PLAYER = b"player-5"
WITH_THREE_BOARDS = "highscores, three boards"
UNIT = 10**12  # a score above all others

_turns = itertools.count(1)


class Table(NamedTuple):
    """A table on `high-scores` with this number of users, and the environment of its flows."""

    settings: Settings
    environment: Mapping[str, str]
    users: int
    rest_seconds: float = 5  # to settle, and again to measure the CPU


def fill(table: Table) -> None:
    """Write the table with its origins, and the score that they name to `scores`."""
    topics = await_topics(table.settings)
    scores, name = topics["scores"], topics["high_scores"].name
    out = producer(table.settings)
    for turn, number in itertools.product(range(2), range(table.users)):
        user = b"player-%d" % number
        origin = f"{scores.id}:1/{partition_of(user, scores.partitions)}/0".encode()
        value, headers = b"%d" % (10 * number + turn), [(ORIGIN, origin)]
        produce(out, name, user, value, timestamp=1_764_000_000_000 + number, headers=headers)
    produce(out, scores.name, PLAYER, b"0")
    out.flush(120)


def count(table: Table, game: Game) -> None:
    """Play a game and let `highscores` count it, so that its table is what a restart finds.

    Raises:
        TimeoutError: It is not counted within four minutes.
    """
    games.fill(table.settings, game)
    scores = table.settings.topics.scores.name
    end, counted = Ends(table.settings, scores).count(), 0
    deadline = time.monotonic() + COUNT_SECONDS
    processes = start(PARTS[0], table.environment)
    try:
        while counted < end:
            if time.monotonic() > deadline:
                msg = f"{counted} of {end} scores are counted after {COUNT_SECONDS} s"
                raise TimeoutError(msg)
            time.sleep(1)
            counted = sum(position.offset or 0 for position in positions(table.settings))
    finally:
        stop(processes)


def run(table: Table, flow: str, kills: int) -> Iterator[Row]:
    """Kill and restart a flow; yields the seconds of each restart, then the flow at rest."""
    (candidate,) = [part for part in PARTS if part.name == flow]
    of: Row = {"flow": flow, "users": table.users}
    sender = Producer(clients.producer(table.settings))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for turn in range(kills + 1):
            news = News(table.settings, _topics(table, flow)[1])
            killed = time.monotonic()
            for process in processes:
                process.kill()
            stop(processes)
            score = _send(sender, table, flow)
            processes = start(candidate, table.environment)
            _check(news, score, table, flow)
            if turn:
                yield of | {"seconds": time.monotonic() - killed}
        yield of | _rest(table, processes[0].pid)
    finally:
        stop(processes)


def _rest(table: Table, pid: int) -> dict[str, float]:
    """Give the memory of a process at rest, the most it had, and CPU in percent of a core."""
    time.sleep(table.rest_seconds)
    pids = [pid, broker_pid()]
    before = [cpu_seconds([each]) for each in pids]
    time.sleep(table.rest_seconds)
    used = [cpu_seconds([each]) - cpu for each, cpu in zip(pids, before, strict=True)]
    idle, broker = (100 * cpu / table.rest_seconds for cpu in used)
    memory = {"resident_mib": memory_mib(pid), "peak_mib": memory_mib(pid, "VmHWM")}
    return {**memory, "idle_percent": idle, "broker_percent": broker}


def rest_of_web(table: Table) -> Row:
    """Measure the web app at rest, without clients."""
    (port,) = ports(0)
    processes = start(PARTS[2], {**table.environment, "LEADERBOARD_WEB__PORT": str(port)})
    try:
        await_ready(port)
        return {"flow": "web", "users": table.users, **_rest(table, processes[0].pid)}
    finally:
        stop(processes)


def _topics(table: Table, flow: str) -> tuple[str, str]:
    """Name what a flow reads and what it writes."""
    topics = table.settings.topics
    if flow == "highscores":
        return topics.scores.name, topics.high_scores.name
    return topics.high_scores.name, topics.top_5.name


def _send(sender: Producer, table: Table, flow: str) -> int:
    """Send a score that leads, while no flow runs."""
    score = UNIT * next(_turns)
    sender.produce(_topics(table, flow)[0], b"%d" % score, PLAYER)
    sender.flush(30)
    return score


def _check(news: News, score: int, table: Table, flow: str) -> None:
    """Wait for the first output; it must show that this score leads.

    Raises:
        ValueError: Another output came.
        TimeoutError: None came within 60 s.
    """
    found = json.loads(news.first(OUTPUT_SECONDS))
    if flow == "highscores":
        right: object = score
    else:
        found, right = _rows(found), _board(score, table.users)
    if found != right:
        msg = f"{flow}: {found!r} came, not {right!r}"
        raise ValueError(msg)


def _board(score: int, users: int) -> list[tuple[str, int]]:
    others = [(f"player-{each}", 10 * each + 1) for each in range(users - 1, users - 5, -1)]
    return [(PLAYER.decode(), score), *others]


def _rows(board: dict[str, list[dict[str, str]]]) -> list[tuple[str, int]]:
    return [(row["user"], int(row["score"])) for row in board["rows"]]

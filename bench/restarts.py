"""Restart after kill -9: the time to the next right output with many users; memory and CPU at rest.

The table has two messages for each user, as it may have before compaction.
"""

import itertools
import json
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import Producer

from bench import game as games
from bench.facts import Row
from bench.game import DAY_MS, Game
from bench.latency import PARTS
from bench.periods import NAMES, key_prefix
from bench.runs import broker_pid, cpu_seconds, memory_mib, start, stop
from bench.sending import finish, produce, producer
from bench.topics import Ends, News
from bench.web import serving
from conf import clients
from conf.settings import Settings
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.topics import await_topics
from dataflows.positions import positions
from dataflows.wire import ORIGIN

if TYPE_CHECKING:
    import subprocess

OUTPUT_SECONDS = 60
COUNT_SECONDS = 240
PLAYER = b"player-5"
WITH_THREE_BOARDS = "highscores, three boards"
UNIT = 10**12  # a score above all others

Output = tuple[bytes, object]  # the key of a message, and what it shows

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
    finish(out)


def count(table: Table, game: Game) -> None:
    """Play a game and let `highscores` count it, so that its tables are what a restart finds.

    A restart looks for the first message of the open periods by time. The marker of a transaction
    has the time at which it is written, so it would be found among scores of a year ago, which in
    a live game it is not. So they are counted without transactions.

    Raises:
        TimeoutError: It is not counted within four minutes.
    """
    games.fill(table.settings, game)
    scores = table.settings.topics.scores.name
    end, counted = Ends(table.settings, scores).count(), 0
    deadline = time.monotonic() + COUNT_SECONDS
    processes = start(PARTS[0], {**table.environment, "LEADERBOARD_GUARANTEE": "at_least_once"})
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
            news = _watch(table, flow)
            killed = time.monotonic()
            for process in processes:
                process.kill()
            stop(processes)
            right = _send(sender, table, flow)
            processes = start(candidate, table.environment)
            _check(news, right)
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
    with serving(table.environment) as (_, pid):
        return {"flow": "web", "users": table.users, **_rest(table, pid)}


def _watch(table: Table, flow: str) -> dict[str, News]:
    """Watch the topics that a flow writes, by their kinds."""
    kinds = table.settings.tables if flow == "highscores" else ("top_5",)
    return {kind: News(table.settings, table.settings.topics.of(kind).name) for kind in kinds}


def _send(sender: Producer, table: Table, flow: str) -> dict[str, Output]:
    """Send a score that leads, while no flow runs; return the first output to each topic."""
    score, now = UNIT * next(_turns), time.time_ns() // 1_000_000
    topics = table.settings.topics
    topic = topics.scores if flow == "highscores" else topics.high_scores
    produce(sender, topic.name, PLAYER, b"%d" % score, timestamp=now)
    finish(sender)
    if flow == "top5":
        return {"top_5": (b"all-time", _board(score, table.users))}
    by_period = {kind: (key_prefix(kind, now // DAY_MS) + PLAYER, score) for kind in NAMES}
    return {"high_scores": (PLAYER, score), **by_period}


def _check(news: Mapping[str, News], right: Mapping[str, Output]) -> None:
    """Wait for the first output to each topic; it must show that the score leads.

    Raises:
        ValueError: Another output came.
        TimeoutError: None came within 60 s.
    """
    for kind, each in news.items():
        key, value = each.first(OUTPUT_SECONDS)
        found = key, _shown(json.loads(value))
        if found != right[kind]:
            msg = f"{kind}: {found!r} came, not {right[kind]!r}"
            raise ValueError(msg)


def _board(score: int, users: int) -> list[tuple[str, int]]:
    others = [(f"player-{each}", 10 * each + 1) for each in range(users - 1, users - 5, -1)]
    return [(PLAYER.decode(), score), *others]


def _shown(value: Any) -> object:  # noqa: ANN401 - JSON
    """Return a best as it is, and of a board the users and their scores."""
    if isinstance(value, int):
        return value
    return [(row["user"], int(row["score"])) for row in value["rows"]]

"""Back after kill -9: how long until the next output with a table of many users; memory, idle.

The table has two messages for each user, as it has before compaction.
"""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import Producer

from bench.game import QUEUE_MESSAGES, produce
from bench.runs import Candidate, Topic, start, stop
from conf import clients
from conf.settings import Settings
from dataflows.messages import ORIGIN, partition_of
from dataflows.topics import await_topics

OUTPUT_SECONDS = 60
IDLE_SECONDS = 5
SETTLE_SECONDS = 2
TICKS = os.sysconf("SC_CLK_TCK")


def fill(settings: Settings, users: int) -> None:
    """Write a table of that many users, two messages each, with origins."""
    found = await_topics(settings)
    table, scores = found["high_scores"], found["scores"]
    producer = Producer(
        {
            **clients.producer(settings),
            "linger.ms": "50",
            "queue.buffering.max.messages": QUEUE_MESSAGES,
        }
    )
    for turn in range(2):
        for number in range(users):
            user = b"player-%d" % number
            origin = f"{scores.id}/{partition_of(user, scores.partitions)}/0".encode()
            value, when = b"%d" % (number * 10 + turn), 1_764_000_000_000 + number
            headers = [(ORIGIN, origin)]
            produce(producer, table.name, user, value, timestamp=when, headers=headers)
    producer.flush(120)


def run(settings: Settings, environment: Mapping[str, str], flow: str) -> dict[str, float]:
    """Kill a flow and start it again; gives seconds, MiB then in use, and idle CPU in percent."""
    kind = {"highscores": "high_scores", "top5": "top_5"}[flow]
    out = getattr(settings.topics, kind)
    topic = Topic(settings, out.name, out.partitions)
    candidate = Candidate(flow, "bytewax.run", [f"dataflows.{flow}", "-s", "1"])
    processes = start(candidate, environment)
    try:
        _await_output(settings, topic, flow, turn=1)
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        processes = start(candidate, environment)
        seconds = _await_output(settings, topic, flow, turn=2)
        mib, idle = _resident_mib(processes[0].pid), _idle_percent(processes[0].pid)
    finally:
        stop(processes)
        topic.close()
    return {"seconds": seconds, "resident_mib": mib, "idle_percent": idle}


def _await_output(settings: Settings, topic: Topic, flow: str, *, turn: int) -> float:
    """Send what leads to an output, and give the seconds until it stands there."""
    before, started = topic.count(), time.monotonic()
    producer = Producer(clients.producer(settings))
    for number in range(4):  # the first of a partition is what the table says it has counted
        score = 10**12 * turn + number
        name = settings.topics.scores.name if flow == "highscores" else None
        producer.produce(name or settings.topics.high_scores.name, b"%d" % score, b"player-5")
    producer.flush(30)
    while topic.count() == before:
        if time.monotonic() > started + OUTPUT_SECONDS:
            msg = f"{flow}: no output within {OUTPUT_SECONDS} s"
            raise TimeoutError(msg)
        time.sleep(0.005)
    return time.monotonic() - started


def _resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (kib,) = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(kib) / 1024


def _idle_percent(pid: int) -> float:
    time.sleep(SETTLE_SECONDS)
    before = _cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return 100 * (_cpu_seconds(pid) - before) / IDLE_SECONDS


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS

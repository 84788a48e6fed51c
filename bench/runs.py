"""Candidates as processes, measured from outside: time on the output topic, CPU, memory."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from bench.game import Expected, Size
from conf import clients
from conf.settings import Settings
from dataflows.ends import read_to_end
from local.claims import ports

LIMIT_SECONDS = 300
QUIET_SECONDS = 2  # without a new message: the candidate has ended its work


class Candidate(NamedTuple):
    """A program to measure: a module for `python -m`, and its arguments, once a process."""

    name: str
    module: str
    arguments: Sequence[str]
    processes: int = 1


class Result(NamedTuple):
    """One run: seconds from the first to the last message, CPU seconds, peak MiB, messages."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_mib: float
    messages: int
    is_right: bool


class Topic:
    """An output topic, watched by its end offsets."""

    def __init__(self, settings: Settings, name: str, partitions: int) -> None:
        self.name = name
        self.partitions = partitions
        self._consumer = Consumer(clients.consumer(settings))

    def count(self) -> int:
        """Count what was ever written."""
        return sum(
            self._consumer.get_watermark_offsets(TopicPartition(self.name, each), 10)[1]
            for each in range(self.partitions)
        )

    def close(self) -> None:
        """Stop watching."""
        self._consumer.close()


def start(candidate: Candidate, environment: Mapping[str, str]) -> list[subprocess.Popen[bytes]]:
    """Start the processes of a candidate; what they say is dropped."""
    command = [sys.executable, "-m", candidate.module, *candidate.arguments]
    cluster: list[list[str]] = [[]]
    if candidate.processes > 1:
        free = ports(*[0] * candidate.processes)
        addresses = ";".join(f"127.0.0.1:{port}" for port in free)
        cluster = [["-i", str(each), "-a", addresses] for each in range(candidate.processes)]
    return [
        subprocess.Popen(  # noqa: S603 - our own programs
            [*command, *more],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for more in cluster
    ]


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> tuple[float, float]:
    """End processes; give their CPU seconds and the sum of their peak memory in MiB."""
    for process in processes:
        process.send_signal(signal.SIGTERM)
    usages = [_reap(process) for process in processes]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return cpu, sum(usage.ru_maxrss for usage in usages) / 1024


def _reap(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def run_flow(
    settings: Settings, candidate: Candidate, environment: Mapping[str, str], expected: Expected
) -> Result:
    """Run a flow until its output is quiet, and check it against what it must be."""
    wanted = settings.topics.high_scores
    topic = Topic(settings, wanted.name, wanted.partitions)
    processes = start(candidate, environment)
    try:
        seconds, messages = _watch(topic)
    finally:
        cpu, peak = stop(processes)
        topic.close()
    is_right = _bests(settings) == expected.best
    return Result(candidate.name, seconds, cpu, peak, messages, is_right)


def _watch(topic: Topic) -> tuple[float, int]:
    deadline = time.monotonic() + LIMIT_SECONDS
    first = last = 0.0
    count = 0
    while time.monotonic() < deadline:
        now_count, now = topic.count(), time.monotonic()
        if now_count > count:
            first, last, count = first or now, now, now_count
        elif first and now - last > QUIET_SECONDS:
            return last - first, count
        time.sleep(0.005)
    msg = f"{topic.name} was not quiet within {LIMIT_SECONDS} s"
    raise TimeoutError(msg)


def run_loop(kind: str, size: Size, environment: Mapping[str, str], out: str) -> Result:
    """Run a bare loop; it measures its own seconds."""
    command = [sys.executable, "-m", "bench.loops", kind, str(size.scores), out]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE
    )
    if process.stdout is None:
        raise TypeError
    seconds = float(process.stdout.read())
    usage = _reap(process)
    cpu = usage.ru_utime + usage.ru_stime
    return Result(f"loop: {kind}", seconds, cpu, usage.ru_maxrss / 1024, 0, is_right=True)


def _bests(settings: Settings) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    topic = settings.topics.high_scores
    for partition in range(topic.partitions):
        for messages in read_to_end(settings, topic.name, partition, lambda: False):
            for message in messages:
                found[message.key() or b""] = int(message.value() or b"")
    return found

"""Ranks of many users: ours in the process and through HTTP, beside a sorted set of Redis.

Everyone has the same users and scores. The `rankings` in the process, and the client that is
`asking` through HTTP, are processes of their own.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial

from confluent_kafka import Producer

from bench import redis, sorted_set
from bench.facts import Part, Row
from bench.runs import cpu_seconds, memory_mib
from bench.sending import finish, produce, producer, producing, shortfall
from bench.users import BEST, REQUESTS, TIME, UPDATES, any_user, random_below, scores
from bench.web import serving
from conf.settings import Settings
from dataflows.kafka.topics import await_topics

LIMIT_SECONDS = 120  # to load the users, and to ask late


def run(settings: Settings, environment: Mapping[str, str], users: int, seconds: float) -> Part:
    """Measure everyone with so many users."""
    part = Part([], {})
    part.add(_ours("in the process", users, _measured("rankings", users, seconds)))
    part.add(_ours("through HTTP", users, _http(settings, environment, users, seconds)))
    server = shutil.which("redis-server")
    if server is None:
        part.skipped["Redis"] = "redis-server is not installed"
        return part
    with redis.running(server) as connection:
        for row in sorted_set.measure(connection, users):
            part.add(row)
    return part


def _ours(how: str, users: int, found: Row) -> Row:
    return {"who": f"ours, {how}", "users": users, **found}


def _measured(program: str, *given: float) -> Row:
    """Measure in a process of its own, for as many seconds as the last argument says.

    Raises:
        subprocess.TimeoutExpired: It takes two minutes longer.
    """
    command = [sys.executable, "-m", f"bench.{program}", *map(str, given)]
    limit = given[-1] + LIMIT_SECONDS
    found: Row = json.loads(subprocess.check_output(command, timeout=limit))  # noqa: S603 - our own
    return found | {"wrong": shortfall(found["requests_per_second"], REQUESTS, "requests/s")}


def _http(settings: Settings, environment: Mapping[str, str], users: int, seconds: float) -> Row:
    """Ask the web app through HTTP, 1,000 times a second, beside 1,000 updates a second."""
    name = await_topics(settings)["high_scores"].name
    with serving(environment) as (_, pid):
        empty = memory_mib(pid)
    fill(settings, name, users)
    started = time.monotonic()
    with serving(environment) as (port, pid):
        ready, memory = time.monotonic() - started, memory_mib(pid) - empty
        with producing(settings, UPDATES, partial(update, name, users)) as sent:
            _measured("asking", port, users, seconds)  # warms up Kafka, whose code is new
            used = cpu_seconds([pid])
            found = _measured("asking", port, users, seconds)
            cores = (cpu_seconds([pid]) - used) / seconds
    faults = found["wrong"], shortfall(sent.result(), UPDATES, "updates/s")
    return {
        "bytes_per_user": memory * 2**20 / users,
        "ready_seconds": ready,
        **found,
        "server_cores": cores,
        "updates_per_second": sent.result(),
        "wrong": ", ".join(filter(None, faults)),
    }


def fill(settings: Settings, topic: str, users: int) -> None:
    """Give so many users a score."""
    out = producer(settings)
    for user, score in scores(users):
        produce(out, topic, user, b"%d" % score, timestamp=TIME)
    finish(out)


def update(topic: str, users: int, out: Producer, _: int) -> None:
    """Give any of them another one."""
    produce(out, topic, any_user(users), b"%d" % random_below(BEST))

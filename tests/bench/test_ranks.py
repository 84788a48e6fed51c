"""Ranks are asked for when they are due, by programs that end whatever happens to the others."""

import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from typing import Any

import pytest

from bench import asking, rankings, ranks, redis
from bench.rankings import ChangedRankings
from web.ranks import documents
from web.ranks.rankings import Rankings

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"rank":1}'


@contextlib.asynccontextmanager
async def server(stands_still=(0.0, 0.0)):
    """Answer all requests at once, but none between two times from now on; give the port."""
    started = time.monotonic()
    begin, end = (started + at for at in stands_still)

    async def answer(reader, writer):
        handlers.append(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                if begin < (now := time.monotonic()) < end:
                    await asyncio.sleep(end - now)
                writer.write(ANSWER)

    handlers: list[Any] = []
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]
    for each in handlers:
        each.cancel()
    await asyncio.gather(*handlers, return_exceptions=True)
    await asyncio.sleep(0)  # in which the connections are closed


async def test_a_server_that_stands_still_delays_every_request_that_is_due_meanwhile():
    async with server(stands_still=(0.2, 1.7)) as port:
        found = await asking.measure(port, 10, 2)

    assert found["request_p50_ms"] > 300  # of 50 that were under way, 750 on average


async def test_a_server_that_never_answers_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.2)
    async with server(stands_still=(0, 60)) as port:
        with pytest.raises(ExceptionGroup) as raised:
            await asking.measure(port, 10, 1)

    assert raised.group_contains(TimeoutError)


async def test_a_rate_that_cannot_be_reached_is_known(monkeypatch):
    monkeypatch.setattr(asking, "LATE_SECONDS", 0.2)
    async with server(stands_still=(0.1, 2)) as port:
        found = await asking.measure(port, 10, 1)

    assert found["requests_per_second"] < 500


class Standing:
    """Rankings that take half a second for their first answer."""

    def __init__(self):
        self._calls = 0

    @contextlib.contextmanager
    def open(self, _):
        if not self._calls:
            time.sleep(0.5)
        self._calls += 1
        yield self


async def test_rankings_that_stand_still_delay_every_request_that_is_due_meanwhile(monkeypatch):
    monkeypatch.setattr(documents, "player", lambda *_: {})
    changed: Any = type("Changed", (), {"rankings": Standing()})
    found = await rankings._ask(changed, 10, 0.6)  # noqa: SLF001

    assert found["request_p50_ms"] > 100


@pytest.mark.parametrize("step", ["load", "apply"])
async def test_a_thread_that_dies_ends_the_measurement_of_the_rankings(step, monkeypatch):
    def die(*_):
        raise OSError(step)

    monkeypatch.setattr(rankings, "set_up_interpreter", lambda: None)
    monkeypatch.setattr(Rankings, step, die)
    with pytest.raises(OSError, match=step):
        async with asyncio.timeout(20):
            await rankings.measure(100, 0.2)


async def test_rankings_that_are_ready_at_once_have_held_the_loop_for_no_time():
    changed: Any = ChangedRankings(1)
    changed.is_ready.set()
    changed.thread.start()
    holds = await rankings._holds(changed)  # noqa: SLF001
    changed.stop()

    assert statistics.quantiles(holds) == [0, 0, 0]


def test_a_rate_that_was_missed_is_wrong(monkeypatch):
    monkeypatch.setattr(
        subprocess, "check_output", lambda *_, **__: b'{"requests_per_second": 40.0}'
    )

    assert ranks._measured("asking", 1, 1, 1)["wrong"] == "40 of 1,000 requests/s"  # noqa: SLF001


def test_a_program_that_does_not_end_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(ranks, "LIMIT_SECONDS", 0)
    monkeypatch.setattr(sys, "executable", "/bin/sleep-for-ever")
    sleeping = ["sleep", "60"]
    check = subprocess.check_output
    monkeypatch.setattr(subprocess, "check_output", lambda _, **how: check(sleeping, **how))

    with pytest.raises(subprocess.TimeoutExpired):
        ranks._measured("asking", 1, 1, 0.2)  # noqa: SLF001


def test_the_memory_of_a_user_is_what_the_web_app_has_more_than_without_users(
    settings, monkeypatch
):
    sizes = iter([50.0, 60.0])
    serving = contextlib.nullcontext((8000, os.getpid()))
    sent = contextlib.nullcontext(type("Sent", (), {"result": lambda: 1_000.0}))
    asked = {"requests_per_second": 1_000.0, "wrong": ""}
    for name, fake in {
        "await_topics": lambda _: {"high_scores": settings.topics.high_scores},
        "serving": lambda _: serving,
        "memory_mib": lambda _: next(sizes),
        "producing": lambda *_: sent,
        "fill": lambda *_: None,
        "_measured": lambda *_: asked,
    }.items():
        monkeypatch.setattr(ranks, name, fake)
    found = ranks._http(settings, {}, 1_000, 1)  # noqa: SLF001

    assert found["bytes_per_user"] == 10 * 2**20 / 1_000
    assert found["wrong"] == ""


def test_a_redis_that_does_not_start_leaves_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr(redis, "START_SECONDS", 0.5)
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    program.chmod(0o700)
    with pytest.raises(TimeoutError, match="Redis has not started"), redis.running(str(program)):
        pass

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_redis_that_does_not_answer_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(redis, "ANSWER_SECONDS", 0.2)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "redis"))
        listening.listen()
        with (
            contextlib.closing(redis.Redis(str(tmp_path / "redis"))) as connection,
            pytest.raises(TimeoutError),
        ):
            connection.ask(b"PING")

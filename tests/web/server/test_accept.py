"""The door: it lets in whom it has place for, and rests where the machine has nothing left."""

import asyncio
import contextlib
import errno
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from local.claims import ports
from tests.support.served import NOWHERE
from tests.support.until import until, until_true
from web.access.limits import ConcurrencyLimiter
from web.server import accept
from web.server.accept import Acceptor

DESCRIPTORS = accept.RESERVED + 60


class Exhausted(socket.socket):
    """A listening socket whose clients cannot be accepted: no descriptor is left."""

    tries = 0

    def accept(self):
        self.tries += 1
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


async def test_where_no_descriptor_is_left_the_door_rests_and_then_tries_again(monkeypatch):
    monkeypatch.setattr(accept, "REST_SECONDS", 0.2)
    with Exhausted() as sock, socket.socket() as client:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        client.connect(sock.getsockname())
        opened = Acceptor(sock, ConcurrencyLimiter(0, 0), lambda *_: None)
        opened.open()
        await asyncio.sleep(
            0.1
        )  # half of a rest, in which a busy loop would try thousands of times
        at_first = sock.tries
        await until(lambda: sock.tries == 2)
        opened.close()

    assert at_first == 1


async def test_who_finds_no_place_is_sent_away_and_a_place_that_is_left_is_taken_again():
    let_in = []
    with socket.create_server(("127.0.0.1", 0)) as sock:
        opened = Acceptor(sock, ConcurrencyLimiter(0, 1), lambda *guest: let_in.append(guest))
        opened.open()
        first = socket.create_connection(sock.getsockname())
        await until(lambda: let_in)
        second = socket.create_connection(sock.getsockname())
        await until(lambda: opened.refused)
        ended = second.recv(1)
        (served, leave), *_ = let_in
        leave()
        third = socket.create_connection(sock.getsockname())
        await until(lambda: len(let_in) == 2)
        opened.close()
        for each in (first, second, third, served, let_in[1][0]):
            each.close()

    assert ended == b""


def test_with_few_descriptors_the_app_serves_whom_it_can_and_does_not_spin():
    (port,) = ports(0)
    with contextlib.ExitStack() as stack:
        process = started(port)
        stack.callback(process.kill)
        until_true(lambda: is_alive(port), 30)
        clients = [stack.enter_context(connected(port)) for _ in range(DESCRIPTORS)]
        until_true(lambda: sum(map(was_sent_away, clients)) >= DESCRIPTORS - 60)
        before, began = cpu_seconds(process.pid), time.monotonic()
        time.sleep(1)  # what it uses in a second
        busy = (cpu_seconds(process.pid) - before) / (time.monotonic() - began)
        kept = next(client for client in clients if not was_sent_away(client))
        kept.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        kept.settimeout(5)
        answer = kept.recv(4096)
        for client in clients:
            client.close()
        until_true(lambda: is_alive(port))
        process.terminate()
        status = process.wait(10)

    assert answer.startswith(b"HTTP/1.1 200")
    assert busy < 0.5
    assert status == 0


def started(port):
    """Start the web app, without Kafka and with few descriptors."""
    given = {**os.environ, **NOWHERE, "LEADERBOARD_WEB__PORT": str(port)}
    given |= {"LEADERBOARD_WEB__STREAMS_PER_CLIENT": "0"}

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))

    return subprocess.Popen(
        [sys.executable, "-m", "web"],
        env=given,
        stderr=subprocess.DEVNULL,
        preexec_fn=limit,  # noqa: PLW1509 - no thread of the tests holds a lock that it needs
    )


def connected(port):
    client = socket.create_connection(("127.0.0.1", port))
    client.settimeout(0)
    return client


def was_sent_away(client):
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def is_alive(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.TransportError:
        return False


def cpu_seconds(pid):
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

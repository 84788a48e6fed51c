"""Several workers on one port: the same boards from each, and one that dies is replaced."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse

from dataflows.kafka.topics import await_topics
from dataflows.leaderboard import Board, Row
from local import cluster
from local.claims import ports
from tests.support import boards
from tests.support.crowding import crowding
from tests.support.ending import ending
from tests.support.proc import children, is_alive
from tests.support.until import until_true
from web.server.workers import UNAVAILABLE

WORKERS = 2
UNFINISHED = b"\r\n".join(
    [
        b"POST /newScore HTTP/1.1",
        b"Host: localhost",
        b"Content-Length: 9",
        b"Expect: 100-continue",
        b"\r\n",
    ]
)


class Parent:
    """`python -m web --workers 2` on a free port."""

    def __init__(self, names, log):
        environment = {**os.environ, "LEADERBOARD_WEB__PORT": "0", **names}
        command = [sys.executable, "-m", "web", "--workers", str(WORKERS)]
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, env=environment, stderr=output)

    def said(self):
        return self._log.read_text()

    @property
    def address(self):
        until_true(lambda: "listening on http" in self.said(), 20)
        return re.findall(r"listening on (http://\S+)", self.said())[0]

    def workers(self):
        """Return the process of each worker by its number."""
        pids = children(self.process.pid)
        lines = {each: Path(f"/proc/{each}/cmdline").read_text() for each in pids}
        return {int(line.split("\0")[4]): each for each, line in lines.items()}

    def await_all(self):
        """Wait until each worker has answered that it is ready."""
        answered: set[int | None] = {None}

        def have_answered():
            answered.add(ready_worker(self.address))
            return len(answered) > WORKERS

        until_true(have_answered, 30)


def worker(client):
    """Return the number of the worker at the other end of a client's one connection."""
    found = re.search(r'worker="(\d+)"', client.get("/metrics").text)
    assert found
    return int(found[1])


def ready_worker(address):
    try:
        with httpx.Client(base_url=address, timeout=5) as client:
            return worker(client) if client.get("/ready").status_code == 200 else None
    except httpx.TransportError:
        return None


@contextmanager
def client_of(address, number):
    """Yield a client whose one connection is to that worker."""
    with ExitStack() as stack:
        clients = []

        def is_there():
            clients.append(stack.enter_context(httpx.Client(base_url=address, timeout=10)))
            return worker(clients[-1]) == number

        until_true(is_there)
        yield clients[-1]


@contextmanager
def board_events(client, resume=""):
    headers = {"Last-Event-ID": resume} if resume else {}
    with connect_sse(client, "GET", "/highScores", headers=headers) as source:
        yield source.iter_sse()


@pytest.fixture
def publish(settings):
    """Return what writes the board of a score."""
    await_topics(settings)

    def write(score):
        boards.publish(settings, Board("all-time", 1, score, (Row(1, "ann", score, score),)))

    return write


@pytest.fixture
def start(names, tmp_path):
    """Yield a function that starts a parent, which ends with the test."""
    with ExitStack() as stack:

        def start(**environment):
            made = Parent({**names, **environment}, tmp_path / "log")
            stack.callback(lambda: print(made.said()))
            stack.enter_context(ending(made.process, 10))
            return made

        yield start


@pytest.fixture
def parent(start):
    return start()


def offset(event):
    return int(event.id.rpartition(":")[2])


def test_all_workers_send_the_same_and_one_that_dies_is_replaced(publish, parent):
    parent.await_all()
    publish(1)
    with (
        client_of(parent.address, 0) as lost,
        client_of(parent.address, 1) as kept,
        board_events(lost) as of_lost,
        board_events(kept) as of_kept,
    ):
        before = [next(of_lost), next(of_kept)]
        publish(2)
        after = [next(of_lost), next(of_kept)]
        workers = parent.workers()
        os.kill(workers[0], signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            next(of_lost)
        with client_of(parent.address, 1) as other, board_events(other, after[0].id) as resumed:
            publish(3)
            third = [next(resumed), next(of_kept)]
    parent.await_all()
    now = parent.workers()

    for events in (before, after, third):
        assert (events[0].id, events[0].data) == (events[1].id, events[1].data)
    assert [offset(events[0]) for events in (before, after, third)] == [0, 1, 2]
    assert now[1] == workers[1]
    assert now[0] != workers[0]
    assert "worker 0 ended with status -9, starts again" in parent.said()


def test_a_signal_to_the_parent_ends_all_streams_and_processes(publish, parent):
    parent.await_all()
    publish(1)
    workers = parent.workers()
    with (
        client_of(parent.address, 0) as one,
        client_of(parent.address, 1) as other,
        board_events(one) as first,
        board_events(other) as second,
    ):
        next(first)
        next(second)
        began = time.monotonic()
        parent.process.terminate()
        last = [*first, *second]
        status = parent.process.wait(5 * crowding())
        seconds = time.monotonic() - began

    assert (status, last) == (0, [])
    assert seconds < 3 * crowding()
    assert not any(map(is_alive, workers.values()))


def test_workers_end_when_their_parent_has_ended(parent):
    parent.await_all()
    workers = parent.workers()
    parent.process.kill()
    parent.process.wait(5)

    until_true(lambda: not any(map(is_alive, workers.values())), 5)


@pytest.mark.timeout(240)  # seconds: Kafka starts twice, on a busy machine
def test_a_worker_that_starts_while_kafka_is_away_leaves_its_siblings_alone(start, tmp_path):
    (port,) = ports(0)
    with cluster.started(tmp_path / "kafka", port, {}) as kafka:
        parent = start(
            LEADERBOARD_BOOTSTRAP_SERVERS=kafka.address, LEADERBOARD_STARTUP_TIMEOUT_SECONDS="20"
        )
        parent.await_all()
        before = parent.workers()
        kafka.process.kill()
        kafka.process.wait()
    os.kill(before[0], signal.SIGKILL)
    until_true(lambda: f"worker 0 ended with status {UNAVAILABLE}, starts" in parent.said(), 30)
    with cluster.started(tmp_path / "kafka", port, {}):
        parent.await_all()
        after = parent.workers()

    assert after[1] == before[1]


def test_while_workers_end_newcomers_are_refused_at_once(parent):
    parent.await_all()
    host, _, port = parent.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        client.send(UNFINISHED)
        answer = client.recv(100)
        parent.process.terminate()
        until_true(lambda: is_refused(host, int(port)), 2)
        is_ending = parent.process.poll() is None
    status = parent.process.wait(30)

    assert answer.startswith(b"HTTP/1.1 100")
    assert is_ending or crowding() > 2  # its time may be over
    assert status == 0


def is_refused(host, port):
    try:
        socket.create_connection((host, port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize(
    "never",
    [
        {"LEADERBOARD_CREATE_TOPICS": "false", "LEADERBOARD_STARTUP_TIMEOUT_SECONDS": "0.5"},
        {"LEADERBOARD_WEB__CERTIFICATE": "/no", "LEADERBOARD_WEB__PRIVATE_KEY": "/no"},
    ],
    ids=["no topics", "no certificate"],
)
def test_workers_that_can_never_serve_end_their_parent(start, never):
    parent = start(**never)

    assert parent.process.wait(90) == 1


def test_a_port_that_another_program_listens_on_is_refused(start):
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        parent = start(LEADERBOARD_WEB__PORT=str(other.getsockname()[1]))

        assert parent.process.wait(90) == 1
        assert "Address already in use" in parent.said()

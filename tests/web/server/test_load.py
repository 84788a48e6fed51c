"""Thousands of clients at one process: all are served, and a signal ends it in time."""

import re
import select
import socket
import time

import pytest

from bench import fanout
from dataflows.kafka.topics import await_topics
from dataflows.leaderboard import Board, Row
from tests.support.boards import publish
from tests.support.crowding import crowding
from tests.support.web_process import started

CLIENTS = 2_000
STALLED = 50
BIG = 60_000  # bytes of a board: more than is buffered for a client that does not read
REQUEST = b"GET /highScores HTTP/1.1\r\nHost: localhost\r\n\r\n"
NO_LIMITS = {"LEADERBOARD_WEB__STREAMS_PER_CLIENT": "0", "LEADERBOARD_WEB__STREAMS": "0"}


@pytest.mark.usefixtures("settings")
def test_a_thousand_clients_get_every_board_in_time():
    found = fanout.run(fanout.Crowd(1_000, 5, 8, "/highScores", scores=0))
    print(found)

    assert (found["served"], found["lost"]) == (1_000, 0)
    assert found["delivered"] > 0.95
    assert found["p99_ms"] < 1_000 * crowding()  # 50 on a quiet machine
    assert found["kib_per_client"] < 26  # 8 with many more


def test_a_signal_ends_thousands_of_streams_within_three_seconds(settings):
    await_topics(settings)
    publish(settings, board(1))
    with (
        started(NO_LIMITS) as served,
        Crowd(served.address, CLIENTS) as crowd,
        Crowd(served.address, STALLED) as stalled,
    ):
        crowd.read_until(lambda: len(crowd.retries) == CLIENTS)
        publish(settings, board(BIG))
        crowd.read_until(lambda: crowd.boards == 2 * CLIENTS)
        began = time.monotonic()
        served.process.terminate()
        crowd.read_until(lambda: len(crowd) == 0)
        status = served.process.wait(5 * crowding())
        seconds = time.monotonic() - began
        print(f"{CLIENTS} streams, {STALLED} of them stalled, ended in {seconds:.2f} s")

    assert status == 0
    assert seconds < 3 * crowding()
    assert crowd.ended_properly == CLIENTS
    assert len(stalled) == STALLED
    assert min(tenths(crowd.retries, 1_000, 6_000)) > CLIENTS / 20  # they reconnect spread out


def board(size):
    return Board("all-time", 1, 1, (Row(1, "x" * size, 1, 1),))


def tenths(numbers, low, high):
    """Return how many of the numbers are in each tenth of a range."""
    width = (high - low) / 10
    return [sum(n <= (each - low) / width < n + 1 for each in numbers) for n in range(10)]


class Crowd:
    """Clients of the board, which read only when a test says so."""

    def __init__(self, address, clients):
        port = int(address.rpartition(":")[2])
        self._epoll = select.epoll()
        self._clients = {}
        self._last = {}  # bytes of each client
        self.retries = []  # milliseconds, of each client that has had its first bytes
        self.boards = 0
        self.ended_properly = 0
        for _ in range(clients):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            client.connect(("127.0.0.1", port))
            client.send(REQUEST)
            client.settimeout(0)
            self._clients[client.fileno()] = client
            self._last[client.fileno()] = b""
            self._epoll.register(client, select.EPOLLIN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self._clients.values():
            client.close()
        self._epoll.close()

    def __len__(self):
        return len(self._clients)

    def read_until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            for fd, _ in self._epoll.poll(0.1):
                self._read(fd)

    def _read(self, fd):
        client = self._clients[fd]
        try:
            more = client.recv(65536)
        except ConnectionError:
            more = b""
        if found := re.search(rb"retry: (\d+)", more):
            self.retries.append(int(found[1]))
        self.boards += more.count(b"\ndata: ")
        if more:
            self._last[fd] = (self._last[fd] + more)[-5:]
        else:
            self.ended_properly += self._last[fd] == b"0\r\n\r\n"
            self._epoll.unregister(fd)
            self._clients.pop(fd).close()

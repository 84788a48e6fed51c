"""Kafka goes away and comes back: the page shows it, and everything recovers by itself."""

import time
from contextlib import ExitStack

import httpx
import pytest
from httpx_sse import connect_sse

from conf.loading import load
from dataflows.kafka.topics import await_topics
from dataflows.leaderboard import Board, Row
from local import cluster
from tests.support.boards import publish
from tests.support.until import until_true
from tests.support.web_process import is_ready, web


class Kafka:
    """A broker of the test's own, which is killed and started again with its port and data."""

    def __init__(self, data):
        self._data = data
        self._stack = ExitStack()
        self.address = ""

    def start(self):
        port = int(self.address.rpartition(":")[2] or 0)
        started = self._stack.enter_context(cluster.started(self._data, port, {}))
        self.address, self._process = started.address, started.process

    def kill(self):
        self._process.kill()
        self.close()

    def close(self):
        self._stack.close()


@pytest.fixture
def kafka(tmp_path):
    made = Kafka(tmp_path / "kafka")
    made.start()
    yield made
    made.close()


def board_of(score):
    return Board("all-time", 1, score, (Row(1, "ann", score, score),))


def following(events, name, is_wanted=lambda _: True):
    """Return the data of the next event of that name that is wanted."""
    found = (event.json() for event in events if event.event == name and event.data)
    return next(filter(is_wanted, found))


def is_stale(status):
    return status["stale_since"] is not None


def test_the_page_shows_since_when_the_board_is_stale_and_all_recovers(kafka, monkeypatch):
    monkeypatch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", kafka.address)
    settings = load()
    await_topics(settings)
    publish(settings, board_of(1))
    names = {"LEADERBOARD_BOOTSTRAP_SERVERS": kafka.address}
    with (
        web(names) as address,
        httpx.Client(base_url=address, timeout=40) as client,
        connect_sse(client, "GET", "/live") as source,
    ):
        events = source.iter_sse()
        following(events, "status", lambda status: not is_stale(status))
        kafka.kill()
        killed_ms = time.time() * 1000
        stale = following(events, "status", is_stale)
        ready = httpx.get(f"{address}/ready")
        page = httpx.get(address)
        kafka.start()
        following(events, "status", lambda status: not is_stale(status))
        publish(settings, board_of(2))
        board = following(events, "board")
        until_true(lambda: is_ready(address), 20)
        posted = httpx.post(f"{address}/newScore", json={"user": "ann", "score": 7})
        score = following(events, "score")

    assert abs(stale["stale_since"] - killed_ms) < 2_500
    assert ready.status_code == 503
    assert set(stale["problems"]) <= set(ready.json()["problems"])
    assert page.status_code == 200
    assert board["updated"] == 2
    assert posted.status_code == 202
    assert score["score"] == "7"

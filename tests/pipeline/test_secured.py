"""The pipeline on a secured Kafka, each part as a user with no right more than it needs."""

import contextlib
import os
import subprocess
import sys

import httpx
import pytest

from conf.loading import load
from local.broker import started
from local.security import Secured
from tests.support import oracle
from tests.support.load import some
from tests.support.processes import Flow, Game, load_with
from tests.support.web_process import web

PREFIX = "LEADERBOARD_KAFKA__"


class Kafka:
    """A secured broker, and the environment of each user."""

    def __init__(self, broker, access):
        self.broker = broker
        self.access = access

    def of(self, user):
        """Give the environment of a user with a password in a file."""
        password = {"sasl.password_file": str(self.access.password_file(user))}
        return self._environment(
            self.broker.address, {**self.access.with_password(user), **password}
        )

    def certified(self, user):
        """Give the environment of a user with a certificate."""
        address = self.broker.client["bootstrap.servers"]
        return self._environment(address, self.access.with_certificate(user))

    def superuser(self):
        return self.certified("broker")

    def _environment(self, address, properties):
        kafka = {PREFIX + name.upper().replace(".", "_"): it for name, it in properties.items()}
        return {"LEADERBOARD_BOOTSTRAP_SERVERS": address, **kafka}


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    data = tmp_path_factory.mktemp("secured")
    access = Secured(data)
    with started(data, 0, {}, access) as broker:
        access.set_up(broker.client, load(), broker.address)
        yield Kafka(broker, access)


@contextlib.contextmanager
def parts(environment):
    """Run both flows and the web app, each as its user; yield the flows and the app's address."""
    with contextlib.ExitStack() as stack:
        flows = [Flow(name, environment(name)) for name in ("highscores", "top5")]
        for flow in flows:
            stack.callback(flow.close)
        yield *flows, stack.enter_context(web(environment("web")))


def test_each_part_needs_no_right_more_than_the_documents_list(secured, monkeypatch):
    create = subprocess.run(
        [sys.executable, "-m", "dataflows.topics"],
        env={**os.environ, **secured.of("topics")},
        check=True,
        capture_output=True,
        text=True,
    )
    with (
        parts(secured.of) as (*flows, address),
        contextlib.closing(Game(load_with(secured.superuser(), monkeypatch))) as game,
    ):
        game.send(("ann", b"5"), ("bob", b"x"), *some(1, 200))
        posted = httpx.post(
            f"{address}/newScore",
            json={"user": "ann", "score": str(2**60)},
            headers={"Prefer": "wait=10"},
            timeout=30,
        )
        game.drain()
        board = httpx.get(f"{address}/top5").json()
        stops = [flow.stop() for flow in flows]
        oracle.check(game.read)

    assert "created topic" in create.stderr
    assert posted.json()["outcome"] == "top"
    assert board["rows"][0]["user"] == "ann"
    assert stops == [[0], [0]]

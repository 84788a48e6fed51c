"""A broker that is far away or has thousands of topics: slow is not absent."""

import contextlib
import time

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from dataflows.kafka.topics import KINDS, await_topics
from local.claims import ports
from local.kafka import running
from tests.support.processes import load_with
from tests.support.slow_link import SlowLink

SECONDS = 1.1
OTHERS = 70  # other topics, with names of 240 bytes: 17 kB in an answer about all topics


@pytest.fixture
def link(tmp_path):
    """Return a slow link to a broker, whose clients all use it."""
    fast, slow, controller = ports(0, 0, 0)
    with contextlib.closing(SlowLink(slow, SECONDS)) as opened:
        properties = {
            "listeners": f"PLAINTEXT://127.0.0.1:{fast},SLOW://127.0.0.1:{slow},"
            f"CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{fast},SLOW://127.0.0.1:{opened.port}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "SLOW:PLAINTEXT",
            # Topics are created that take older messages, as their check demands.
            "log.message.timestamp.before.max.ms": "60000",
        }
        with running(tmp_path / "kafka", fast, properties) as address:
            make_others(address)
            yield opened


def make_others(address):
    admin = AdminClient({"bootstrap.servers": address})
    others = [NewTopic(f"{number:0240}", 1, 1) for number in range(OTHERS)]
    for future in admin.create_topics(others).values():
        future.result(60)


def test_a_slow_broker_with_many_topics_is_asked_for_ours_alone_and_waited_for(link, monkeypatch):
    via = {"LEADERBOARD_BOOTSTRAP_SERVERS": f"127.0.0.1:{link.port}"}
    settings = load_with({**via, "LEADERBOARD_STARTUP_TIMEOUT_SECONDS": "60"}, monkeypatch)
    started = time.monotonic()
    found = await_topics(settings)

    assert time.monotonic() - started > 5 * SECONDS
    assert tuple(found) == KINDS
    assert link.answered_bytes < OTHERS * 240

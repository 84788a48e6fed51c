"""Three brokers, of which one fails: that costs time, never a process and never a message."""

import contextlib
import sys
import time

import httpx
import pytest
from confluent_kafka import KafkaException

from dataflows.kafka.topics import await_topics
from local.cluster import planned
from tests.conftest import names_of_its_own
from tests.support.failover import (
    FAILOVER_SECONDS,
    NUMBERS,
    Cut,
    Kill,
    Links,
    Pause,
    Restart,
    await_in_sync,
    survive,
)
from tests.support.proc import cpu_seconds
from tests.support.processes import open_game
from tests.support.until import until_true
from tests.support.web_process import started
from web.kafka.client import BrokerClient

PAUSED_SECONDS = 18  # a request of the web app takes 15 s at most
GUARANTEES = ["exactly_once", "at_least_once"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with planned(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.start(*NUMBERS)
        yield cluster


@pytest.fixture(scope="module")
def links(tmp_path_factory):
    """Run a cluster whose brokers are reached, and reach each other, through links."""
    with planned(tmp_path_factory.mktemp("linked")) as cluster:
        made = Links(cluster.nodes)
        cluster.properties = made.properties
        cluster.start(*NUMBERS)
        yield made


@contextlib.contextmanager
def opened(address, guarantee, monkeypatch):
    names = {**names_of_its_own(address), "LEADERBOARD_GUARANTEE": guarantee}
    with contextlib.closing(open_game(names, monkeypatch)) as game:
        await_in_sync(address)
        yield names, game


@pytest.mark.timeout(240)
@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_broker_of_three_that_is_killed_ends_no_flow_and_loses_nothing(
    cluster, guarantee, monkeypatch
):
    with opened(cluster.address, guarantee, monkeypatch) as (names, game):
        survive(names, game, Kill(cluster), [1])


def test_the_web_app_asks_the_new_leaders_while_a_broker_is_silent(cluster, monkeypatch):
    """With an old one it would wait for an answer that never comes, and `/ready` would say so."""
    with opened(cluster.address, "exactly_once", monkeypatch) as (_, game):
        topic = await_topics(game.settings, ["scores"])["scores"]
        client = BrokerClient(game.settings)
        until_true(lambda: ends(client, topic), 40)  # new topics have no leader for a moment
        before = client.ends(topic)
        failure = Pause(cluster)
        failure.begin(1)
        try:
            until_true(lambda: ends(client, topic) == before, 40)
        finally:
            failure.end(1)


def ends(client, topic):
    try:
        return client.ends(topic)
    except KafkaException:
        return None


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("failure", [Kill, Pause, Restart])
@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_each_broker_of_three_may_fail_in_turn(cluster, guarantee, failure, monkeypatch):
    with opened(cluster.address, guarantee, monkeypatch) as (names, game):
        survive(names, game, failure(cluster))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_each_broker_of_three_may_lose_its_network_in_turn(links, guarantee, monkeypatch):
    with opened(links.address, guarantee, monkeypatch) as (names, game):
        survive(names, game, Cut(links))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="it reads the CPU time from /proc")
def test_a_dead_broker_of_three_costs_the_web_app_no_cpu_and_posts_go_on(cluster, monkeypatch):
    with (
        opened(cluster.address, "exactly_once", monkeypatch) as (names, _),
        started(names) as web,
    ):
        used = []
        for number in NUMBERS:
            cluster.kill(number)
            until_true(lambda: is_posted(web.address), FAILOVER_SECONDS)
            used.append(cpu_share(web.process.pid, 10))
            cluster.start(number)
            await_in_sync(cluster.address)

    assert max(used) < 0.2, used


@pytest.mark.long
@pytest.mark.timeout(600)
def test_each_broker_of_three_may_stop_while_the_web_app_asks_it(cluster, monkeypatch):
    """An AdminClient that asked for ends and positions ended the process by SIGABRT."""
    with (
        opened(cluster.address, "exactly_once", monkeypatch) as (names, _),
        started(names) as web,
    ):
        failure = Pause(cluster)
        for number in NUMBERS:
            failure.begin(number)
            time.sleep(PAUSED_SECONDS)  # it is the fault
            failure.end(number)
            until_true(lambda: is_posted(web.address), FAILOVER_SECONDS)
            await_in_sync(cluster.address)

        assert web.process.poll() is None


def is_posted(address):
    score = {"user": "ann", "score": 1}
    with contextlib.suppress(httpx.TransportError):
        posted = httpx.post(f"{address}/newScore", json=score, timeout=20)
        return posted.status_code == 202
    return False


def cpu_share(pid, seconds):
    """Give the share of a core that a process uses for so many seconds."""
    before = cpu_seconds(pid)
    time.sleep(seconds)  # it is a measurement
    return (cpu_seconds(pid) - before) / seconds

"""Three brokers, of which one fails: that costs time, never a process and never a message."""

import contextlib

import pytest

from local.cluster import planned
from tests.conftest import names_of_its_own
from tests.support.failover import (
    NUMBERS,
    Cut,
    Kill,
    Links,
    Pause,
    Restart,
    await_in_sync,
    survive,
)
from tests.support.processes import open_game

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

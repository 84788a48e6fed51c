"""Three hosts with a broker and a process of each flow each: a link, a host, a broker is lost.

The hosts are network namespaces: see `local.hosts`. Each test prints how long the scores took that
were sent at the break; docs/operations.md has these figures.
"""

import contextlib
import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import httpx
import pytest

from conf.loading import load as load_settings
from local.hosts import Unavailable, planned
from tests import ROOT
from tests.support import oracle
from tests.support.failover import await_in_sync
from tests.support.hosts import System, killed, lost, seconds_until_counted, slow
from tests.support.load import load
from tests.support.until import until_true

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

STALL_SECONDS = 20

_seeds = itertools.count(1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Run secured brokers on three hosts, and create the topics as the documents say."""
    try:
        with planned(tmp_path_factory.mktemp("hosts"), f"test-{os.getpid()}") as lab:
            hosts, cluster, access = lab
            with hosts.inside("desk"):
                cluster.start(1, 2, 3)
                access.set_up(access.client(cluster.nodes[0]), load_settings(), cluster.address)
                with contextlib.closing(System(*lab)) as system:
                    system.create_topics()
            yield lab
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def system(lab):
    """Run both flows on three hosts, and the web app on two; the test watches from the desk."""
    stall = {"LEADERBOARD_FLOWS__STALL_SECONDS": str(STALL_SECONDS)}
    with lab[0].inside("desk"), contextlib.closing(System(*lab, **stall)) as system:
        system.start_flows()
        system.start_web("1", "2")
        system.await_ready()
        yield system


@pytest.fixture
def game(system, monkeypatch):
    with contextlib.closing(system.game(monkeypatch)) as game:
        await_in_sync(game.settings.bootstrap_servers, game.settings.kafka)
        yield game


def check(system, game):
    """Everything is counted once, and every web app shows the board of the oracle."""
    game.drain(seconds=120)
    expected = oracle.final(game.read("high_scores"))
    for address in system.web_addresses():
        until_true(lambda address=address: shows(address, expected))
    oracle.check(game.read)


def shows(address, expected):
    return oracle.shown(httpx.get(f"http://{address}/top5").content) == expected


@pytest.mark.parametrize(
    ("broken", "seconds"), [(lost, 5), (lost, 30), (slow, 0.2), (killed, 0)], ids=str
)
def test_a_break_costs_time_and_nothing_else(system, game, broken, seconds):
    with load(game, next(_seeds)):
        seconds_until_counted(game)
        with broken(system, "3", seconds):
            took = seconds_until_counted(game)
        print(f"{broken.__name__} {seconds} s: counted after {took:.1f} s")
        seconds_until_counted(game)

    check(system, game)


def test_a_host_that_vanishes_is_replaced_by_another_and_does_no_harm_when_it_is_back(system, game):
    left = system.flows("1", "2")
    gone = system.flows("3")
    with load(game, next(_seeds)):
        seconds_until_counted(game)
        for program in left:
            program.mark()
        began = time.monotonic()
        system.hosts.cut("3")
        until_true(lambda: all(each.says("waiting for the other processes") for each in left), 60)
        noticed = time.monotonic() - began
        assert any(each.says("another process of the cluster does not answer") for each in left)
        assert set(system.stop(left)) == {0}
        system.forget(left)
        system.start_flows(flow_hosts=("1", "2", "4"))
        system.await_ready()
        seconds_until_counted(game)
        took = time.monotonic() - began
        print(f"vanished: noticed after {noticed:.1f} s, counted after {took:.1f} s")
        system.hosts.mend("3")
        await_in_sync(game.settings.bootstrap_servers, game.settings.kafka)
        seconds_until_counted(game)

    check(system, game)
    assert set(system.stop(gone)) == {0}
    assert not any(each.process.poll() for each in system.flows("1", "2", "4"))


def test_the_documented_hosts_of_one_machine_run_commands_and_lose_links(tmp_path):
    text = (ROOT / "docs/running.md").read_text()
    program, topics, cut, mend = re.findall(
        r"^    (.*local\.hosts|ip .*?)(?: +#.*)?$", text, re.MULTILINE
    )
    data = str(tmp_path / "data")
    python = program.split()[0]
    with subprocess.Popen(
        [sys.executable, *shlex.split(program)[1:], "--data", data],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as hosts:
        try:
            said = hosts.stdout.readline()
            found = run(topics.replace(python, sys.executable).replace(".local/hosts", data))
            run(cut)
            is_cut = "br0" not in run("ip -n leaderboard-switch link show port3")
            run(mend)
            is_whole = "br0" in run("ip -n leaderboard-switch link show port3")
        finally:
            hosts.send_signal(signal.SIGTERM)

    assert said == "ready 198.18.0.1:9092,198.18.0.2:9092,198.18.0.3:9092\n"
    assert hosts.returncode == 0
    assert "scores" in found
    assert is_cut
    assert is_whole
    assert "leaderboard-" not in run("ip netns list")


def run(line):
    return subprocess.run(
        shlex.split(line), cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    ).stdout

"""Three hosts, each with a broker and a process of each flow: a link, a host, a broker is lost.

The hosts are network namespaces: see `local.hosts`. After each break the time is printed until the
scores of that moment were counted: docs/operations.md has these figures.
"""

import contextlib
import os
import re
import shlex
import subprocess
import sys
import time

import httpx
import pytest

from conf.loading import load as load_settings
from local.hosts import Unavailable, planned
from tests import ROOT
from tests.support import documented, oracle
from tests.support.ending import ending
from tests.support.failover import await_in_sync
from tests.support.hosts import System, killed, lost, seconds_until_counted, slow
from tests.support.load import load
from tests.support.until import until_true

pytestmark = pytest.mark.long

BREAKS = ((lost, 5), (lost, 30), (slow, 0.2), (killed, 0))
STALL_SECONDS = 60  # the default of flows.stall_seconds


@pytest.fixture
def system(tmp_path):
    """Run all parts on three hosts, as the documents say; the test itself is at the desk."""
    try:
        with planned(tmp_path, f"test-{os.getpid()}") as lab, lab[0].inside("desk"):
            _, cluster, access = lab
            cluster.start(1, 2, 3)
            access.set_up(access.client(cluster.nodes[0]), load_settings(), cluster.address)
            with contextlib.closing(System(*lab)) as system:
                system.create_topics()
                system.start_flows()
                system.start_web("1", "2")
                system.await_ready()
                yield system
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.timeout(900)
def test_a_lost_link_a_slow_one_a_dead_broker_and_a_vanished_host_lose_nothing(system, monkeypatch):
    with contextlib.closing(system.game(monkeypatch)) as game:
        for seed, (broken, seconds) in enumerate(BREAKS, 1):
            await_in_sync(game.settings.bootstrap_servers, game.settings.kafka)
            with load(game, seed):
                seconds_until_counted(game)
                with broken(system, "3", seconds):
                    took = seconds_until_counted(game)
                print(f"{broken.__name__} {seconds} s: counted after {took:.1f} s")
                seconds_until_counted(game)
            check(system, game)
        assert not any(each.says("ended with status") for each in system.flows())

        await_in_sync(game.settings.bootstrap_servers, game.settings.kafka)
        with load(game, len(BREAKS) + 1):
            replace_a_vanished_host(system, game)
        check(system, game)


def replace_a_vanished_host(system, game):
    """Lose the third host, go on with the spare one, and let the lost one come back, unchanged."""
    seconds_until_counted(game)
    left, gone = system.flows("1", "2"), system.flows("3")
    for program in left:
        program.mark()
    began = time.monotonic()
    system.hosts.cut("3")
    awaited = "waiting for other processes of the cluster"
    until_true(lambda: all(each.says(awaited) for each in left), 3 * STALL_SECONDS)
    noticed = time.monotonic() - began
    assert any(each.says("one of the other processes of the cluster (") for each in left)

    assert set(system.stop(left)) == {0}
    system.forget(left)
    system.start_flows(flow_hosts=("1", "2", "4"), port_step=10)
    system.await_ready()
    seconds_until_counted(game)
    print(f"vanished: noticed in {noticed:.1f} s, counted after {time.monotonic() - began:.1f} s")

    system.hosts.mend("3")
    await_in_sync(game.settings.bootstrap_servers, game.settings.kafka)
    seconds_until_counted(game)
    assert set(system.stop(gone)) == {0}
    assert not any(each.says("ended with status") for each in system.flows("1", "2", "4"))


def check(system, game):
    """Everything is counted once, and every web app shows the board of the oracle."""
    game.drain(seconds=120)
    expected = oracle.final(game.read("high_scores"))
    until_true(lambda: all(shows(address, expected) for address in system.web_addresses()))
    oracle.check(game.read)


def shows(address, expected):
    return oracle.shown(httpx.get(f"http://{address}/top5").content) == expected


@pytest.mark.timeout(240)
@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="it needs root on Linux")
def test_the_documented_hosts_of_one_machine_run_commands_and_lose_links(tmp_path):
    start = documented.line("docs/running.md", "local.hosts")
    topics = documented.line("docs/running.md", "users/topics.toml")
    players = documented.line("docs/running.md", "users/players.toml")
    web = documented.line("docs/running.md", "users/web.toml")
    cut, mend = documented.lines("docs/running.md", "ip -n")
    words = [sys.executable, *shlex.split(start)[1:], "--data", str(tmp_path)]
    with (
        subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as hosts,
        ending(hosts, 60),
    ):
        assert hosts.stdout
        said = hosts.stdout.readline()
        found, _ = (run(here(line, tmp_path)) for line in (topics, f"{players} --count 9"))
        with (
            subprocess.Popen(shlex.split(here(web, tmp_path)), cwd=ROOT) as served,
            ending(served, 10),
        ):
            until_true(lambda: "alive" in asked("http://198.18.0.1:8000/health"), 30)
        run(cut)
        is_cut = "br0" not in run("ip -n leaderboard-switch link show port3")
        run(mend)
        is_whole = "br0" in run("ip -n leaderboard-switch link show port3")

    assert re.fullmatch(r"ready (198\.18\.0\.\d:9092,?){3}\n", said)
    assert hosts.returncode == 0
    assert "scores" in found
    assert [is_cut, is_whole] == [True, True]
    assert "leaderboard-" not in run("ip netns list")


def here(line, data):
    """Return a documented line with this Python, and with the data of this test."""
    return line.replace(".venv/bin/python", sys.executable).replace(".local/hosts", str(data))


def asked(url):
    """Ask from the desk; return the answer, or ""."""
    code = f"import httpx; print(httpx.get({url!r}).text)"
    command = ["ip", "netns", "exec", "leaderboard-desk", sys.executable, "-c", code]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def run(line):
    return subprocess.run(
        shlex.split(line), cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    ).stdout

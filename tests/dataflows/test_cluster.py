"""A process of a flow knows its cluster, and says that it waits for the others."""

import os
import sys
import threading

import pytest
from bytewax import run

from dataflows import cluster
from dataflows.cluster import Cluster, find_cluster, report_waiting
from tests.support.until import until_true

POD = {"BYTEWAX_POD_NAME": "high-scores-2"}
STATEFUL_SET = {"BYTEWAX_STATEFULSET_NAME": "high-scores"}
HOSTS = {"BYTEWAX_HOSTFILE_PATH": "hosts"}
ADDRESSES = {"BYTEWAX_ADDRESSES": "a:1;b:1;c:1"}


@pytest.mark.parametrize("environment", [{}, ADDRESSES, HOSTS, {**ADDRESSES, **HOSTS}])
@pytest.mark.parametrize(
    ("arguments", "index"),
    [
        ([], {}),
        ([], {"BYTEWAX_PROCESS_ID": "0"}),
        ([], {"BYTEWAX_PROCESS_ID": "5", **POD, **STATEFUL_SET}),
        ([], {**POD, **STATEFUL_SET}),
        ([], POD),
        ([], {"BYTEWAX_POD_NAME": "flow-7d9f-x2kqz"}),  # of a Deployment
        ([], STATEFUL_SET),
        (["-s", "1", "-i", "2", "-a", "d:1;e:1;f:1"], {}),
        (["-i1", "-w", "2"], {}),
        (["--process-id=4", "--addresses", "d:1"], {"BYTEWAX_PROCESS_ID": "5"}),
        (["--process", "1", "--addr=d:1;e:1"], POD),
    ],
)
def test_the_cluster_is_the_one_that_bytewax_finds(
    monkeypatch, tmp_path, arguments, index, environment
):
    (tmp_path / "hosts").write_text("g:1\n\n h:1 \ni:1\n")
    monkeypatch.chdir(tmp_path)
    for name, value in (index | environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["bytewax.run", "dataflows.highscores", *arguments])
    try:
        found = run._parse_args()  # noqa: SLF001 - it has no public name
    except SystemExit:  # Bytewax refuses an index without addresses
        return

    addresses = found.addresses.split(";") if found.addresses else ()
    assert find_cluster(sys.argv[1:], os.environ) == Cluster(found.process_id or 0, addresses)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["-i", "1", "-a", "a:1;b:1;c:1"], {}),
        (["-i1", "--addresses=a:1;b:1;c:1"], {"BYTEWAX_ADDRESSES": "x:1;y:1"}),
        ([], {"BYTEWAX_PROCESS_ID": "1", "BYTEWAX_ADDRESSES": "a:1;b:1;c:1"}),
    ],
)
def test_the_others_are_those_that_bytewax_waits_for(arguments, environment):
    assert find_cluster(arguments, environment).others == "a:1, c:1"


def test_a_process_says_again_and_again_that_it_waits_until_the_cluster_is_complete(
    monkeypatch, caplog
):
    caplog.set_level("INFO")
    monkeypatch.setattr(cluster, "START_SECONDS", 0.01)
    monkeypatch.setattr(cluster, "REPEAT_SECONDS", 0.01)
    is_complete = threading.Event()
    report_waiting(Cluster(0, ("a:1", "b:1")), is_complete)
    until_true(lambda: len(caplog.messages) > 1)
    is_complete.set()
    until_true(lambda: "cluster" not in {thread.name for thread in threading.enumerate()})

    assert set(caplog.messages) == {
        "waiting for other processes of the cluster, one or more of: b:1"
    }


def test_a_process_alone_waits_for_nobody():
    report_waiting(Cluster(), threading.Event())

    assert "cluster" not in {thread.name for thread in threading.enumerate()}

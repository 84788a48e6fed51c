"""A process of a flow knows its cluster, and says that it waits for the others."""

import threading

import pytest

from dataflows import cluster
from dataflows.cluster import Cluster, find_cluster, report_waiting
from tests.support.until import until_true


@pytest.mark.parametrize(
    ("arguments", "environment", "index"),
    [
        ([], {}, 0),
        (["dataflows.highscores", "-s", "1", "-i", "2", "-a", "a:1;b:1;c:1"], {}, 2),
        (["-i3"], {}, 3),
        (["--process-id=4"], {"BYTEWAX_PROCESS_ID": "5"}, 4),
        ([], {"BYTEWAX_PROCESS_ID": "5"}, 5),
        ([], {"BYTEWAX_POD_NAME": "highscores-6"}, 6),
    ],
)
def test_the_index_of_a_process_is_the_one_that_bytewax_uses(arguments, environment, index):
    assert find_cluster(arguments, environment).process == index


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

    assert set(caplog.messages) == {"waiting for the other processes of the cluster: b:1"}


def test_a_process_alone_waits_for_nobody():
    report_waiting(Cluster(), threading.Event())

    assert "cluster" not in {thread.name for thread in threading.enumerate()}

"""A flow's process says over HTTP what it does, whether it is alive, and whether it is ready."""

import json
import re
import socket
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from conf.version import version
from dataflows import metrics
from dataflows.cluster import ALONE
from dataflows.status import serve
from local.claims import Taken, ports
from tests import ROOT
from tests.support.processes import Flow
from tests.support.until import until_true

SUFFIXES = {"counter": "_total", "info": "_info"}
INFO = {"leaderboard_flow": ("flow", "version")}  # labels that the metric gets with its value


def answer(port, path):
    """Return the status of an answer and its text, 0 where nothing listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def sums(port):
    """Return the sum of each metric over all labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer(port, "/metrics")[1]):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def is_ready(port):
    return answer(port, "/ready")[0] == 200


@pytest.fixture
def start(names):
    """Return what starts a flow that serves its status on a port."""
    with ExitStack() as stack:

        def start(name, port, processes=1):
            port_name = {"LEADERBOARD_FLOWS__METRICS_PORT": str(port)}
            flow = Flow(name, names | port_name, processes=processes)
            stack.callback(flow.close)
            return flow

        yield start


def test_both_flows_say_what_they_have_read_and_written_and_when_they_are_ready(game, start):
    highscores, top5 = ports(0, 0)
    game.send(("ann", b"1"), ("bob", b"2"), ("ann", b"3"), ("ann", b"2"), ("eve", b"x"))
    flows = [start("highscores", highscores), start("top5", top5)]
    until_true(lambda: is_ready(highscores) and is_ready(top5), 60)
    game.drain()
    until_true(lambda: sums(top5)["leaderboard_flow_users"] == 2)
    counted, shown = sums(highscores), sums(top5)
    health = answer(highscores, "/health")
    missing = answer(highscores, "/")[0]
    stops = [flow.stop() for flow in flows]

    assert health == (200, json.dumps({"alive": True, "version": version()}))
    assert missing == 404
    assert counted["leaderboard_flow_scores_read_total"] == 5
    assert counted["leaderboard_flow_scores_rejected_total"] == 1
    assert counted["leaderboard_flow_improvements_total"] == 3
    assert counted["leaderboard_flow_users"] == 2
    assert counted["leaderboard_flow_position"] == 5
    assert counted["leaderboard_flow_lag"] == 0
    assert counted["leaderboard_flow_last_commit_timestamp_seconds"] > 1.7e9
    assert counted["leaderboard_flow_epoch_seconds_count"] > 0
    assert shown["leaderboard_flow_boards_published_total"] > 0
    assert shown["leaderboard_flow_board_updated_timestamp_seconds"] > 1.7e9
    assert stops == [[0], [0]]


def test_each_process_of_a_cluster_adds_its_index_to_the_port(game, start):
    first, second = two_in_a_row()
    game.send(*((f"user{number}", b"1") for number in range(50)))
    start("highscores", first, processes=2)
    until_true(lambda: is_ready(first) and is_ready(second), 90)
    until_true(lambda: game.lag() == 0, 60)
    each = [sums(port)["leaderboard_flow_users"] for port in (first, second)]

    assert sum(each) == 50
    assert all(each)


def two_in_a_row():
    """Return two free ports, one after the other; draws at most twenty times."""
    for _ in range(20):
        (first,) = ports(0)
        with suppress(Taken):
            return ports(first, first + 1)
    raise Taken


def test_a_port_that_is_taken_ends_the_flow_with_a_line_that_names_the_settings(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        flow = start("highscores", taken.getsockname()[1])

        assert flow.wait(30) == [1]
        assert "settings flows.metrics_host and flows.metrics_port: 127.0.0.1:" in flow.said()


def test_the_status_is_served_at_an_address_of_ipv6_too():
    (port,) = ports(0)
    flows = SimpleNamespace(metrics_host="::1", metrics_port=port)
    context: Any = SimpleNamespace(settings=SimpleNamespace(flows=flows), cluster=ALONE)
    serve(context)
    with urllib.request.urlopen(f"http://[::1]:{port}/metrics", timeout=10) as response:
        assert b"leaderboard_flow" in response.read()


def test_the_document_lists_each_metric_with_its_labels_and_its_help():
    expected = []
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            found = metric._labelnames or INFO.get(family.name, ())  # noqa: SLF001
            labels = ", ".join(f"`{label}`" for label in found)
            name = family.name + SUFFIXES.get(family.type, "")
            expected.append(f"| `{name}` | {labels} | {family.documentation} |")
    text = (ROOT / "docs/metrics.md").read_text()

    assert re.findall(r"^\| `leaderboard_flow_.*$", text, re.MULTILINE) == expected

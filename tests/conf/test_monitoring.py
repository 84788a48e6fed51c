"""The dashboard and the alerts name metrics that are there, and Prometheus accepts them."""

import json
import re
import shutil
import subprocess

import pytest

from tests import ROOT

MONITORING = ROOT / "conf" / "monitoring"
METRIC = re.compile(r"\bleaderboard_(?:flow|web)_\w+")
OF_HISTOGRAM = re.compile(r"(?<=epoch_seconds)_(sum|count|bucket)$")


def documented():
    """Return the metrics that docs/metrics.md lists; other tests compare it with the code."""
    return set(METRIC.findall((ROOT / "docs/metrics.md").read_text()))


@pytest.mark.parametrize("name", ["alerts.yml", "dashboard.json"])
def test_every_metric_that_is_shown_or_watched_exists(name):
    named = {
        OF_HISTOGRAM.sub("", metric) for metric in METRIC.findall((MONITORING / name).read_text())
    }

    assert named
    assert named <= documented()


def test_the_dashboard_shows_every_metric_but_the_versions():
    shown = {
        OF_HISTOGRAM.sub("", metric)
        for panel in json.loads((MONITORING / "dashboard.json").read_text())["panels"]
        for target in panel["targets"]
        for metric in METRIC.findall(target["expr"])
    }

    assert documented() - shown == {"leaderboard_flow_info", "leaderboard_web_info"} | {
        "leaderboard_flow_position"  # the lag says more
    }


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool comes with Prometheus")
def test_prometheus_accepts_the_configuration_and_the_rules():
    command = ["promtool", "check", "config", str(MONITORING / "prometheus.yml")]  # with its rules
    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr

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


with_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool comes with Prometheus"
)


@with_promtool
def test_prometheus_accepts_the_configuration_and_the_rules():
    command = ["promtool", "check", "config", str(MONITORING / "prometheus.yml")]  # with its rules
    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


@with_promtool
def test_a_reader_that_failed_for_a_moment_pages_nobody_and_one_that_goes_on_failing_does(tmp_path):
    """Samples are a minute apart: three failures within two of them, or one in each."""
    failures = 'leaderboard_web_failures_total{of="%s"}'
    fires = 'ALERTS{alertname="LeaderboardWebFails", alertstate="firing", of="%s"}'
    values = {"reader of top-5": "0 1 3x20", "reader of scores": "0+1x20"}
    moments = [("reader of scores", 12, 1)]
    moments += [("reader of top-5", minute, 0) for minute in range(1, 13)]
    group = {
        "interval": "1m",
        "input_series": [{"series": failures % of, "values": each} for of, each in values.items()],
        "promql_expr_test": [
            {
                "expr": f"count({fires % of}) or vector(0)",
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": "{}", "value": number}],
            }
            for of, minute, number in moments
        ],
    }
    path = tmp_path / "rules.json"  # JSON is YAML
    path.write_text(json.dumps({"rule_files": [str(MONITORING / "alerts.yml")], "tests": [group]}))
    command = ["promtool", "test", "rules", str(path)]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)

    assert tested.returncode == 0, tested.stdout + tested.stderr

"""The files of containers, Kubernetes and systemd are valid, and have what the programs need."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conf.loading import load
from tests import ROOT

KUBERNETES = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COPIED = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
TOOLS = Path(sys.executable).parent


def check(*command, cwd=ROOT):
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def objects():
    return [each for path in KUBERNETES for each in yaml.safe_load_all(path.read_text())]


def test_the_image_is_built_by_the_rules_of_docker():
    check(TOOLS / "hadolint", "Dockerfile")


def test_the_image_has_all_files_that_its_programs_load(tmp_path):
    for name in " ".join(COPIED).split():
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    for module in ("dataflows", "dataflows.topics", "dataflows.positions", "web", "conf"):
        check(sys.executable, "-m", module, "--version", cwd=tmp_path)
    code = "import dataflows.highscores, dataflows.top5, web.app; web.app.create_app()"

    check(sys.executable, "-c", code, cwd=tmp_path)


def test_compose_is_valid():
    check(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


def test_kubernetes_would_accept_the_manifests():
    check(TOOLS / "kubernetes-validate", "--strict", *KUBERNETES)


def test_all_settings_of_the_deployments_are_valid(monkeypatch):
    config = next(each for each in objects() if each["kind"] == "ConfigMap")
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    image = dict(re.findall(r"(LEADERBOARD_\w+)=(\S+)", DOCKERFILE))
    for names in (image, config["data"], compose["services"]["web"]["environment"]):
        for name, value in names.items():
            monkeypatch.setenv(name, value)
        load()

    assert load().flows.metrics_port == load().web.port == 8000  # of the probes


def test_each_part_of_compose_finds_kafka():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    parts = {name: each["environment"] for name, each in services.items() if name != "kafka"}

    assert sorted(parts) == ["highscores", "top5", "web"]
    assert {each["LEADERBOARD_BOOTSTRAP_SERVERS"] for each in parts.values()} == {"kafka:9092"}


def test_a_flow_has_one_pod_and_every_pod_is_probed_without_variables_of_services():
    pods = {
        each["metadata"]["name"]: each
        for each in objects()
        if each["kind"] in {"StatefulSet", "Deployment"}
    }
    flows = [each for each in pods.values() if each["kind"] == "StatefulSet"]
    specs = [each["spec"]["template"]["spec"] for each in pods.values()]

    assert sorted(pods) == ["leaderboard-highscores", "leaderboard-top5", "leaderboard-web"]
    assert [each["spec"]["replicas"] for each in flows] == [1, 1]
    assert not any(spec["enableServiceLinks"] for spec in specs)
    for (container,) in (spec["containers"] for spec in specs):
        assert container["livenessProbe"]["httpGet"]["path"] == "/health"


def test_a_web_app_that_has_started_keeps_its_visitors_while_kafka_is_away():
    probes = {
        each["metadata"]["name"]: [
            each["spec"]["template"]["spec"]["containers"][0][probe]["httpGet"]["path"]
            for probe in ("startupProbe", "readinessProbe")
            if probe in each["spec"]["template"]["spec"]["containers"][0]
        ]
        for each in objects()
        if each["kind"] in {"StatefulSet", "Deployment"}
    }

    assert probes == {
        "leaderboard-highscores": ["/ready"],
        "leaderboard-top5": ["/ready"],
        "leaderboard-web": ["/ready", "/health"],
    }


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="it comes with systemd")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_would_accept_the_units(unit, tmp_path):
    text = unit.read_text().replace("/opt/leaderboard/.venv/bin/python", sys.executable)
    copy = tmp_path / unit.name.replace("@", "@highscores")
    copy.write_text(text.replace("/opt/leaderboard", str(ROOT)))

    check("systemd-analyze", "verify", copy)


def test_systemd_never_restarts_a_flow_that_another_has_taken_over():
    (unit,) = [path.read_text() for path in UNITS if "flow" in path.name]

    assert "\nRestartPreventExitStatus=77\n" in unit

"""The tree is the architecture: pure modules stay pure, and imports between folders run one way."""

import ast
import re
import subprocess
import sys
from functools import cache

import pytest

from tests import ROOT

PACKAGES = ("conf", "dataflows", "web", "local", "bench")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
PURE = (
    "conf.environment",
    "conf.settings",
    "dataflows.highscores.fold",
    "dataflows.kafka.partitioner",
    "dataflows.kafka.topic_config",
    "dataflows.leaderboard",
    "dataflows.periods",
    "dataflows.stream_time",
    "dataflows.top5.board",
    "dataflows.top5.ranking",
    "dataflows.wire",
    "web.access.cors",
    "web.access.forwarded",
    "web.access.limits",
    "web.access.origin",
    "web.kafka.progress",
    "web.kafka.records",
    "web.live.board",
    "web.live.freshness",
    "web.live.history",
    "web.live.hub",
    "web.live.rate",
    "web.live.recent",
    "web.live.sse",
    "web.live.subscribers",
    "web.names",
    "web.posting.outcome",
    "web.posting.submission",
    "web.posting.waiting",
    "web.ranks.ranking",
    "web.ranks.rankings",
    "web.ranks.documents",
    "web.ranks.watches",
)
CLIENTS = {"bytewax", "confluent_kafka", "quart", "hypercorn", "httpx"}
CONTRACT = {
    f"dataflows.{name}"
    for name in (
        "leaderboard",
        "periods",
        "wire",
        "scores",
        "kafka.topics",
        "kafka.partitioner",
        "kafka.rights",
    )
}
# Of `local`, what runs processes on one machine: the flows' and the web app's own need it too.
PROCESSES = {"local.supervisor", "local.claims"}
FORBIDDEN = {
    "conf": {"dataflows", "web", "local", "bench"},
    "dataflows": {"web", "local", "bench"},
    "web": {"local", "bench"},
    "local": {"web", "bench"},
    "bench": set(),
}


def root(module):
    return module.partition(".")[0]


@cache
def imports(module):
    """Return the imports of a module of ours, our modules by their full names."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & MODULES.keys()) or {node.module}
    return frozenset(found)


def reached(module):
    """Return everything that a module imports, directly and through our modules."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        news = imports(waiting.pop()) - found
        found |= news
        waiting += news & MODULES.keys()
    return found


@pytest.mark.parametrize("package", ["dataflows", "web"])
def test_the_map_of_a_package_names_each_of_its_files_once(package):
    text = ast.get_docstring(ast.parse(MODULES[package].read_text())) or ""
    files = [
        path.relative_to(ROOT / package).as_posix()
        for path in MODULES.values()
        if path.is_relative_to(ROOT / package) and not path.stem.endswith("__")
    ]

    assert sorted(re.findall(r"[\w/]+[^\W_]\.py", text)) == sorted(files)


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_reach_neither_bytewax_nor_kafka_nor_quart(module):
    assert not {root(found) for found in reached(module)} & CLIENTS


@pytest.mark.parametrize("module", MODULES)
def test_no_package_imports_one_that_is_built_on_it(module):
    assert not {root(found) for found in imports(module) - PROCESSES} & FORBIDDEN[root(module)]


@pytest.mark.parametrize("module", sorted(PROCESSES))
def test_what_runs_processes_is_built_on_nothing_but_settings(module):
    own = {found for found in reached(module) if root(found) in PACKAGES}

    assert own <= {"conf.settings", "local", "local.children"}


@pytest.mark.parametrize("module", [each for each in MODULES if root(each) in {"web", "local"}])
def test_the_web_app_uses_the_contract_of_the_flows_and_nothing_else_of_them(module):
    assert {found for found in imports(module) if root(found) == "dataflows"} <= CONTRACT


def test_the_web_app_does_not_load_bytewax():
    code = "import sys, web.app; sys.exit('bytewax' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(("flow", "other"), [("highscores", "top5"), ("top5", "highscores")])
def test_neither_flow_imports_the_other(flow, other):
    own = [each for each in MODULES if each.startswith(f"dataflows.{flow}")]

    assert own
    assert not [each for each in own for found in imports(each) if f"dataflows.{other}" in found]

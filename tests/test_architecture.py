"""The tree is the architecture: pure modules stay pure, arrows point one way, files stay small."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = [
    path
    for package in ("conf", "dataflows", "web", "local", "bench")
    for path in sorted((ROOT / package).glob("*.py"))
]
PURE = [f"dataflows/{name}.py" for name in ("leaderboard", "messages", "partitioner")] + [
    f"web/{name}.py"
    for name in (
        "sse",
        "ids",
        "rates",
        "story",
        "staleness",
        "latest",
        "limits",
        "prefer",
        "outcomes",
        "progress",
        "cors",
        "broadcast",
    )
]
CONTRACT = {f"dataflows.{name}" for name in ("messages", "topics", "leaderboard", "partitioner")}
LONGEST = 270  # lines: every rule in one file, every format in one file


def imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_know_nothing_of_bytewax_kafka_or_quart(name):
    roots = {found.partition(".")[0] for found in imports(ROOT / name)}

    assert not roots & {"bytewax", "confluent_kafka", "quart", "hypercorn"}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_arrows_point_from_the_web_to_the_contract_and_never_back(path):
    package = path.parent.name
    used = {found for found in imports(path) if found.partition(".")[0] == "dataflows"}
    roots = {found.partition(".")[0] for found in imports(path)}
    forbidden = {
        "conf": {"dataflows", "web", "local", "bench"},
        "dataflows": {"web", "local", "bench"},
        "web": {"local", "bench"},
        "local": {"web", "bench"},
        "bench": set(),
    }[package]

    assert not roots & forbidden
    if package in {"web", "local"}:
        modules = {".".join(found.split(".")[:2]) for found in used if "." in found}
        assert modules <= CONTRACT


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_module_is_too_long_to_read_at_once(path):
    assert len(path.read_text().splitlines()) <= LONGEST

"""`just test quick` needs neither Kafka nor a browser."""

import ast
import subprocess
import sys

from tests import ROOT

STARTING = ("local.broker", "local.cluster", "local.hosts", "local.kafka", "bench")


def collected(*arguments):
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q"]
    found = subprocess.run(
        [*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {line.partition("::")[0] for line in found.stdout.splitlines() if "::" in line}


def imported(path):
    """Return the full names of what a file imports anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def test_quick_leaves_out_whatever_starts_a_broker():
    quick = collected("-m", "quick and not long", "tests")
    starting = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if any(name.startswith(STARTING) for name in imported(path))
    }

    assert "tests/conf/test_settings.py" in quick
    assert len(starting) > 10
    assert not quick & starting

"""`just test quick` needs neither Kafka nor a browser."""

import subprocess
import sys

from tests import ROOT


def collected(*arguments):
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q"]
    found = subprocess.run(
        [*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {line.partition("::")[0] for line in found.stdout.splitlines() if "::" in line}


def test_quick_leaves_out_whatever_starts_a_broker():
    quick = collected("-m", "quick and not long", "tests/pipeline", "tests/local", "tests/conf")
    starting = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if "from local.broker import" in path.read_text()
        or "from local.cluster import" in path.read_text()
        or "from local.kafka import" in path.read_text()
    }

    assert "tests/conf/test_settings.py" in quick
    assert starting
    assert not quick & starting

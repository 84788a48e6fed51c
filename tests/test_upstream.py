"""The programs of the reports to other projects still show what they report."""

import re
import subprocess
import sys

import pytest

from local.cluster import planned
from tests import ROOT

FOLDER = ROOT / "docs/upstream"
SPARSE = "enable.sparse.connections=false"


def start(name, *arguments):
    command = [sys.executable, FOLDER / name, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_a_probe_ends_a_process_of_a_forming_cluster():
    said, _ = start("probed_cluster.py").communicate(timeout=60)

    assert said == "the probed process ended with status 1\n"


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("properties", "is_storm"), [([], True), ([SPARSE], False)])
def test_an_admin_client_tries_a_killed_broker_without_a_pause(tmp_path, properties, is_storm):
    with planned(tmp_path) as cluster:
        cluster.start(1, 2, 3)
        with start("admin_reconnects.py", cluster.address, *properties) as program:
            first = [program.stdout.readline() for _ in range(3)]
            cluster.kill(3)
            rest = program.stdout.read()
    most = max(map(int, re.findall(r"': (\d+)", rest)))

    assert all(first)
    assert (most > 1_000) == is_storm, rest

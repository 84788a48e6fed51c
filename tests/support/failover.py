"""What tests of several brokers share: ways in which one fails, and that flows live through it."""

import itertools
import signal
import time
from types import MappingProxyType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.support import oracle
from tests.support.load import load
from tests.support.processes import running
from tests.support.slow_link import SlowLink
from tests.support.until import until_true

NUMBERS = (1, 2, 3)
FAILOVER_SECONDS = 60  # 9 s until the broker is fenced, and what clients need to notice


def await_in_sync(address, access=MappingProxyType({})):
    """Wait until every partition has three replicas in sync: only then may the next one fail."""
    until_true(lambda: _is_in_sync({**access, "bootstrap.servers": address}), 60)


def _is_in_sync(client):
    try:
        topics = AdminClient(client).list_topics(timeout=10).topics
    except KafkaException:
        return False
    partitions = itertools.chain.from_iterable(each.partitions.values() for each in topics.values())
    return all(len(each.isrs) == len(NUMBERS) for each in partitions)


def seconds_until_written(game, messages=200):
    """Wait until so many more bests are written, and say how long that took."""
    began, before = time.monotonic(), game.end("high_scores")
    until_true(lambda: game.end("high_scores") > before + messages, FAILOVER_SECONDS)
    return time.monotonic() - began


def survive(names, game, failure, numbers=NUMBERS):
    """Let these brokers fail one after the other, under load; both flows must live through it."""
    took = []
    with running(names) as flows:
        with load(game):
            seconds_until_written(game)
            for number in numbers:
                failure.begin(number)
                try:
                    took.append(seconds_until_written(game))
                finally:
                    failure.end(number)
                await_in_sync(game.settings.bootstrap_servers)
        game.drain()
        stops = [flow.stop() for flow in flows]
    print(type(failure).__name__, [f"{each:.1f} s" for each in took])

    assert stops == [[0], [0]]
    oracle.check(game.read)


class Kill:
    """A broker is killed, and started again."""

    def __init__(self, cluster):
        self.cluster = cluster

    def begin(self, number):
        self.cluster.kill(number)

    def end(self, number):
        self.cluster.start(number)


class Restart(Kill):
    """A broker is ended in order, and started again."""

    def begin(self, number):
        self.cluster.stop(number)


class Pause(Kill):
    """A broker stops, with all its connections open, and goes on later."""

    def begin(self, number):
        self.cluster.send(number, signal.SIGSTOP)

    def end(self, number):
        self.cluster.send(number, signal.SIGCONT)


class Links:
    """A link to each broker, and one between each two controllers for each way."""

    def __init__(self, nodes):
        self._served = {node.number: SlowLink(_port(node.address)) for node in nodes}
        self._controllers = {
            (node.number, other.number): SlowLink(_port(other.controller))
            for node, other in itertools.permutations(nodes, 2)
        }

    @property
    def address(self):
        """The addresses of all brokers, with commas between."""
        return ",".join(f"127.0.0.1:{link.port}" for link in self._served.values())

    def of(self, number):
        """Give the links to and from a broker; as a follower it reads from others without one."""
        pairs = [link for pair, link in self._controllers.items() if number in pair]
        return [self._served[number], *pairs]

    def properties(self, node):
        """Give what makes a broker use its links, and makes others use them."""
        voters = {
            other: link.port
            for (own, other), link in self._controllers.items()
            if own == node.number
        }
        voters[node.number] = _port(node.controller)
        return {
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._served[node.number].port}",
            "controller.quorum.voters": ",".join(
                f"{number}@127.0.0.1:{port}" for number, port in sorted(voters.items())
            ),
        }


class Cut:
    """A broker loses its clients, its followers and the other controllers for a time."""

    def __init__(self, links):
        self._links = links

    def begin(self, number):
        for link in self._links.of(number):
            link.cut()

    def end(self, number):
        for link in self._links.of(number):
            link.mend()


def _port(address):
    return int(address.rpartition(":")[2])

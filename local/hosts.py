"""Three hosts on one machine, with a broker on each, to try what happens when one is lost.

The hosts are network namespaces on a switch of their own (Linux, as root): nothing of theirs
leaves this machine. `python -m local.hosts` runs a secured Kafka of three brokers, and prints
`ready` and their addresses once it can be used. `ip netns exec leaderboard-1 COMMAND` then runs a
command on the first host, which has the address 198.18.0.1. `leaderboard-4` is a spare host without
a broker, `leaderboard-desk` one for those who watch. See docs/running.md.
"""

import argparse
import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from confluent_kafka import KafkaException

from conf.arguments import add_version
from conf.loading import start
from conf.settings import InvalidSettings
from local import broker, children, claims, jars
from local.broker import Node
from local.cluster import Cluster
from local.security import Secured

DATA = Path(".local/hosts")
SPACES = Path("/run/netns")  # of `ip netns`
PREFIX = "leaderboard"
SWITCH = "switch"
BROKERS = ("1", "2", "3")
NAMES = (*BROKERS, "4", "desk")

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of sched.h


class Unavailable(OSError):  # noqa: N818 - what has happened
    """This machine has no network namespaces, or only for root."""


class Hosts:
    """Hosts with the addresses 198.18.0.1, 198.18.0.2, ..., on one switch (RFC 2544)."""

    def __init__(self, prefix: str, names: Sequence[str] = NAMES) -> None:
        self._prefix = prefix
        self.addresses = {name: f"198.18.0.{each}" for each, name in enumerate(names, 1)}

    def open(self) -> None:
        """Create them; those that an earlier run has left go first.

        Raises:
            Unavailable: This machine cannot have them.
        """
        self.close()
        try:
            ip("netns", "add", self.space(SWITCH))
            self.switch("add", "name", "br0", "type", "bridge")
            self.switch("set", "br0", "up")
            for name, address in self.addresses.items():
                self._add(name, address)
        except subprocess.CalledProcessError as error:
            self.close()
            msg = f"no network namespaces here: {error.stderr.strip()}"
            raise Unavailable(msg) from error

    def _add(self, name: str, address: str) -> None:
        space, port = self.space(name), f"port{name}"
        ip("netns", "add", space)
        peer = ["peer", "name", port, "netns", self.space(SWITCH)]
        ip("-n", space, "link", "add", "name", "eth0", "type", "veth", *peer)
        ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            ip("-n", space, "link", "set", device, "up")
        self.switch("set", port, "up")
        self.mend(name)

    def close(self) -> None:
        """Remove them; programs that still run there keep theirs, without a link."""
        for name in (SWITCH, *self.addresses):
            if (SPACES / self.space(name)).exists():
                ip("netns", "delete", self.space(name))

    def space(self, name: str) -> str:
        """Return the name of a host's namespace."""
        return f"{self._prefix}-{name}"

    def switch(self, *arguments: str) -> None:
        """Run `ip link` on the switch."""
        ip("-n", self.space(SWITCH), "link", *arguments)

    def cut(self, name: str) -> None:
        """Drop all that a host sends and all that is sent to it; nobody is told."""
        self.switch("set", f"port{name}", "nomaster")

    def mend(self, name: str) -> None:
        """Carry it again."""
        self.switch("set", f"port{name}", "master", "br0")

    @contextlib.contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Put the calling thread on a host, for the length of the block.

        Sockets that it opens, threads and processes that it starts are there, and stay there.
        """
        with (
            (SPACES / self.space(name)).open() as wanted,
            Path("/proc/thread-self/ns/net").open() as own,
        ):
            _enter(wanted.fileno())
            try:
                yield
            finally:
                _enter(own.fileno())


@contextlib.contextmanager
def claimed(prefix: str) -> Iterator[Hosts]:
    """Claim the names of hosts for the length of the block, by an abstract socket; see unix(7).

    Raises:
        claims.Taken: Another program has hosts of these names.
        Unavailable: This machine cannot have such hosts.
    """
    if os.geteuid() != 0 or not shutil.which("ip"):
        msg = "network namespaces need Linux, root, and `ip` of the package iproute2"
        raise Unavailable(msg)
    with socket.socket(socket.AF_UNIX) as claim:
        try:
            claim.bind(f"\0{prefix}-hosts")
        except OSError as error:
            msg = f"the hosts {prefix}-1, ... belong to a program that runs: stop that one"
            raise claims.Taken(msg) from error
        with contextlib.closing(Hosts(prefix)) as hosts:
            yield hosts


def _enter(space: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(space, _NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def ip(*arguments: str) -> None:
    """Run `ip` of iproute2.

    Raises:
        CalledProcessError: It refuses.
    """
    command = ["ip", *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - no shell


@contextlib.contextmanager
def planned(data: Path, prefix: str = PREFIX) -> Iterator[tuple[Hosts, Cluster, Secured]]:
    """Create the hosts, and plan a secured broker on each of the first three; none runs yet.

    Raises:
        claims.Taken: The data directory or the names of the hosts belong to somebody else.
        Unavailable: This machine cannot have such hosts.
    """
    data.mkdir(parents=True, exist_ok=True)
    with claims.directory(data) as lock, claimed(prefix) as hosts:
        hosts.open()
        nodes = [_node(int(name), data, hosts.addresses[name]) for name in BROKERS]
        access = Secured(data, tuple(hosts.addresses.values()))
        cluster = Cluster(
            nodes, lock, access, lambda _: {}, place=lambda node: hosts.inside(str(node.number))
        )
        with contextlib.closing(cluster):
            yield hosts, cluster, access


def _node(number: int, data: Path, host: str) -> Node:
    return Node(
        number, data / f"broker-{number}", *[f"{host}:{port}" for port in (9092, 9093, 9094)]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them until SIGINT or SIGTERM; status 1 if they cannot start."""
    parser = argparse.ArgumentParser(prog="python -m local.hosts", description=main.__doc__)
    add_version(parser)
    parser.add_argument("--data", type=Path, default=DATA, help=f"kept (default: {DATA})")
    options = parser.parse_args(arguments)
    children.exit_on_signals()
    try:
        settings = start("kafka")
        jars.class_path()  # the hosts have no way to the internet
        with planned(options.data) as (hosts, cluster, access), hosts.inside("desk"):
            cluster.start(*[node.number for node in cluster.nodes])
            access.set_up(access.client(cluster.nodes[0]), settings, cluster.address)
            print(f"ready {cluster.address}", flush=True)
            cluster.keep_running()
    except KafkaException as error:  # it refuses users or rights
        print(f"Kafka: {error.args[0].str()}", file=sys.stderr)
    except (InvalidSettings, Unavailable, broker.Failed, claims.Taken, jars.Unavailable) as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""A real Apache Kafka in the foreground: KRaft, one node or more, on 127.0.0.1 only.

`python -m local.kafka --data DIR` listens where the setting `bootstrap_servers` says, and prints
`ready 127.0.0.1:9092` once it can be used. Its data stay in DIR between starts, beside Kafka's own
log, `kafka.log`.

`--brokers 3` runs a cluster whose topics have three replicas; its brokers listen on that port and
the next ones. Kill one: it is started again.

`--secure` lets nobody in without a password or a certificate: `DIR/users/web.toml` has the settings
of the user `web`, who may do what the web app needs, and so on. See docs/security.md.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from confluent_kafka import KafkaException

from conf.arguments import add_version
from conf.loading import start
from conf.settings import InvalidSettings, Settings
from local import broker, children, claims, jars
from local.broker import Plain
from local.cluster import planned, started
from local.security import Secured
from local.supervisor import follow_parent

DATA = Path(".local/kafka")


@contextlib.contextmanager
def running(
    data: Path, port: int = 0, properties: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run a broker for the length of the block; yields its address, host:port.

    Port 0 is any free one. Raises the errors of `cluster.started`.
    """
    with started(data, port, properties or {}) as one:
        yield one.address


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a broker until SIGINT or SIGTERM; status 1 if it cannot start, or ends."""
    options = _options(arguments)
    children.exit_on_signals()
    follow_parent()
    try:
        settings = start("kafka")
        port = claims.port_of(settings, options.brokers) if options.port is None else options.port
        _run(options, port, settings)
    except KafkaException as error:  # it refuses users or rights
        print(f"Kafka: {error.args[0].str()}", file=sys.stderr)
    except (InvalidSettings, broker.Failed, claims.Taken, jars.Unavailable) as error:
        print(error, file=sys.stderr)
    return 1


def _run(options: argparse.Namespace, port: int, settings: Settings) -> NoReturn:
    access = Secured(options.data) if options.secure else Plain()
    properties = dict(options.set)
    with planned(options.data, port, options.brokers, access, lambda _: properties) as cluster:
        cluster.start(*[node.number for node in cluster.nodes])
        if isinstance(access, Secured):
            access.set_up(access.client(cluster.nodes[0]), settings, cluster.address)
        print(f"ready {cluster.address}", flush=True)
        if options.brokers == 1:
            raise cluster.wait()
        cluster.keep_running()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.kafka", description=main.__doc__)
    add_version(parser)
    parser.add_argument("--port", type=int, help="0: any free one (default: as the settings say)")
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3), help="default: 1")
    text = "TLS, users and rights: DATA/users has the settings of each part"
    parser.add_argument("--secure", action="store_true", help=text)
    parser.add_argument("--data", type=Path, default=DATA, help=f"kept (default: {DATA})")
    parser.add_argument(
        "--set",
        type=_property,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a property of the broker, such as log.cleaner.backoff.ms=500; may be repeated",
    )
    return parser.parse_args(arguments)


def _property(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        msg = f"{text!r} is not NAME=VALUE"
        raise argparse.ArgumentTypeError(msg)
    return name.strip(), value.strip()


if __name__ == "__main__":
    sys.exit(main())

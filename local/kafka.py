"""A real Apache Kafka in the foreground: KRaft, one node, only on 127.0.0.1.

`python -m local.kafka --data DIR` listens on the address in the setting `bootstrap_servers`,
and prints `ready 127.0.0.1:9092` when clients can use it. DIR keeps its data between starts, and
Kafka's own log, `kafka.log`.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from conf.loading import load
from conf.logs import set_up_logging
from conf.settings import InvalidSettings
from local import broker, children, claims, jars
from local.supervisor import follow_parent

DATA = Path(".local/kafka")


@contextlib.contextmanager
def running(
    data: Path, port: int = 0, properties: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run a broker for the length of the block; yields its address, host:port.

    Port 0 is any free one. Raises the errors of `broker.started`.
    """
    with broker.started(data, port, properties or {}) as started:
        yield started.address


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a broker until SIGINT or SIGTERM; status 1 if it cannot start, or ends."""
    options = _options(arguments)
    set_up_logging()
    children.exit_on_signals()
    follow_parent()
    try:
        port = claims.port_of(load()) if options.port is None else options.port
        with broker.started(options.data, port, dict(options.set)) as started:
            print(f"ready {started.address}", flush=True)
            raise started.wait()
    except (InvalidSettings, broker.Failed, claims.Taken, jars.Unavailable) as error:
        print(error, file=sys.stderr)
        return 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.kafka", description=main.__doc__)
    parser.add_argument("--port", type=int, help="0: any free one (default: that of the settings)")
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

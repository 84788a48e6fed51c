"""`python -m web`: the web app on Hypercorn, until SIGTERM or SIGINT.

With `--workers` it is the parent of several processes that share the port, and serves nothing
itself.
"""

import argparse
import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Sequence

from conf.logs import set_up_logging
from conf.settings import InvalidSettings, Settings, load
from web.app import create_app
from web.server.server import Server, listen, listen_shared, url
from web.server.workers import GIVEN_UP, Workers

log = logging.getLogger(__name__)

COLLECTOR = (10_000, 20, 50)  # objects, then rounds of the younger generation, between collections


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal; status 1 if that was not possible."""
    options = _options(arguments)
    failed = 1 if options.worker is None else GIVEN_UP
    set_up_logging()
    try:
        settings = load()
        if options.worker is not None:
            return asyncio.run(work(settings, options.worker, socket.socket(fileno=options.socket)))
        if (workers := options.workers or settings.web.workers) > 1:
            return asyncio.run(watch(settings, workers))
        return asyncio.run(serve(settings))
    except (InvalidSettings, OSError) as error:
        print(error, file=sys.stderr)
        return failed


async def serve(settings: Settings) -> int:
    """Serve alone; the status is 1 if the topics were never there."""
    sock = listen(settings.web.host, settings.web.port)
    log.info("open %s", url(settings.web, sock))
    return 0 if await _serve(settings, sock, _stopping()) else 1


async def watch(settings: Settings, workers: int) -> int:
    """Let so many workers serve, and replace those that die."""
    sockets = listen_shared(settings.web.host, settings.web.port, workers)
    log.info("open %s", url(settings.web, sockets[0]))
    return await Workers(sockets, _stopping()).run()


async def work(settings: Settings, number: int, sock: socket.socket) -> int:
    """Serve as one of several, as long as the parent is there."""
    stopping = _stopping()
    asyncio.get_running_loop().add_reader(sys.stdin, _end_with_parent, stopping)
    return 0 if await _serve(settings, sock, stopping, worker=number) else GIVEN_UP


async def _serve(
    settings: Settings, sock: socket.socket, stopping: asyncio.Event, worker: int | None = None
) -> bool:
    """Serve until `stopping`; say whether the topics were there."""
    failures: list[Exception] = []

    def give_up(error: Exception) -> None:
        failures.append(error)
        stopping.set()

    app = create_app(settings, given_up=give_up, worker=worker)
    _spare_the_collector()
    await Server(app, settings.web, app.extensions["leaderboard"].end).serve(sock, stopping)
    return not failures


def _spare_the_collector() -> None:
    """Let Python look for garbage less often, and never at what lasts as long as the process.

    A connect leaves about 150 objects in cycles; by default a quarter of its CPU goes into looking.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR)


def _stopping() -> asyncio.Event:
    """Give an event that SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


def _end_with_parent(stopping: asyncio.Event) -> None:
    """Take the end of the pipe whose other end the parent held."""
    log.error("the parent is gone")
    asyncio.get_running_loop().remove_reader(sys.stdin)
    stopping.set()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m web")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes on the port (default: as set)"
    )
    # How the parent starts a worker.
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

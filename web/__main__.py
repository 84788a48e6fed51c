"""`python -m web`: serve the web app on Hypercorn, until SIGTERM or SIGINT.

With `--workers` it is the parent of several processes that share the port, and serves nothing
itself.
"""

import argparse
import asyncio
import gc
import logging
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from conf.arguments import add_version, count
from conf.loading import check_web, start
from conf.settings import InvalidSettings, Settings
from conf.version import version
from local.supervisor import follow_parent, stop_event
from web import texts
from web.app import create_app
from web.server.server import Server, listen, listen_shared, url
from web.server.workers import UNAVAILABLE, run_workers
from web.shared_metrics import Worker

log = logging.getLogger(__name__)

# New objects before the garbage collector runs, and runs of each generation before the next.
GC_THRESHOLD = (10_000, 3, 300)
SWITCH_SECONDS = 0.0005  # for which a reader's thread may keep the event loop waiting


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal; return 1 if that was not possible."""
    options = _options(arguments)
    failed = 1 if options.worker is None else UNAVAILABLE
    try:
        settings = start("web")
        log.info("web, version %s", version())
        check_web(settings.web)
        if options.worker is not None:
            sock = socket.socket(fileno=options.socket)
            worker = Worker(options.worker, options.folder)
            return asyncio.run(serve_as_worker(settings, worker, sock))
        if (workers := options.workers or settings.web.workers) > 1:
            return asyncio.run(supervise(settings, workers))
        return asyncio.run(serve(settings))
    except (InvalidSettings, OSError) as error:
        print(error, file=sys.stderr)
        return failed


async def serve(settings: Settings) -> int:
    """Serve alone; return 1 if a topic was not there in time or is set up wrongly."""
    sock = listen(settings.web.host, settings.web.port)
    log.info("listening on %s", url(settings.web, sock))
    return 0 if await _serve(settings, sock) else 1


async def supervise(settings: Settings, workers: int) -> int:
    """Run this number of workers, and replace those that die."""
    texts.load(settings.web.texts)  # refused here, not by each worker
    sockets = listen_shared(settings.web.host, settings.web.port, workers)
    log.info("listening on %s", url(settings.web, sockets[0]))
    stopping = stop_event()
    follow_parent()
    with tempfile.TemporaryDirectory(prefix="leaderboard-") as folder:
        return await run_workers(sockets, stopping, folder)


async def serve_as_worker(settings: Settings, worker: Worker, sock: socket.socket) -> int:
    """Serve as one of several, until a signal or the end of the parent."""
    return 0 if await _serve(settings, sock, worker) else UNAVAILABLE


async def _serve(settings: Settings, sock: socket.socket, worker: Worker | None = None) -> bool:
    """Serve until a signal or the end of the parent; return whether the topics could be read."""
    stopping = stop_event()
    follow_parent()
    failures: list[Exception] = []

    def on_unavailable(error: Exception) -> None:
        failures.append(error)
        stopping.set()

    app = create_app(settings, on_unavailable=on_unavailable, worker=worker)
    set_up_interpreter()
    services = app.extensions["leaderboard"]
    await Server(app, settings.web, services.end, services.refusals).serve(sock, stopping)
    return not failures


def set_up_interpreter() -> None:
    """Collect garbage less often, and never what lasts as long as the process; share the lock.

    A connect leaves about 150 objects in cycles; with the default threshold a quarter of its CPU
    time goes into collecting them. And a full collection, which looks at all ranks, holds the event
    loop for 40 ms with a million users.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    sys.setswitchinterval(SWITCH_SECONDS)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = add_version(argparse.ArgumentParser(prog="python -m web"))
    parser.add_argument(
        "--workers", type=count, metavar="N", help="processes on the port (default: the setting)"
    )
    # How the parent starts a worker.
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

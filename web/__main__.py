"""`python -m web`: the web app on Hypercorn, until SIGTERM or SIGINT."""

import asyncio
import logging
import signal
import sys

from conf.settings import InvalidSettings, Settings, load
from web.app import create_app
from web.server import Server, listen, url

log = logging.getLogger(__name__)


def main() -> int:
    """Serve until a signal; status 1 if that was not possible."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        return asyncio.run(serve(load()))
    except (InvalidSettings, OSError) as error:
        print(error, file=sys.stderr)
        return 1


async def serve(settings: Settings) -> int:
    """Serve; the status is 1 if the topics were never there."""
    stopping = asyncio.Event()
    failures: list[Exception] = []

    def give_up(error: Exception) -> None:
        failures.append(error)
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    sock = listen(settings.web.host, settings.web.port)
    app = create_app(settings, given_up=give_up)
    log.info("open %s", url(settings.web, sock))
    await Server(app, settings.web, app.extensions["leaderboard"].feeds.end).serve(sock, stopping)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

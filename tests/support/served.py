"""The web app on its own server in the test's process, without Kafka, and clients of sockets."""

import asyncio
import contextlib

from tests.support.processes import load_with
from tests.support.until import until
from web.app import create_app
from web.server.server import Server, listen

NOWHERE = {"LEADERBOARD_BOOTSTRAP_SERVERS": "127.0.0.1:1", "LEADERBOARD_WEB__HOST": "127.0.0.1"}

UNPACED = {"updates_per_second": 0}


class Served:
    """The app that is served: its server, its services, its feeds, and its port."""

    def __init__(self, app, server, sock):
        self.app = app
        self.server = server
        self.sock = sock
        self.port = sock.getsockname()[1]
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(server.serve(sock, self._stopping))
        self.services = app.extensions["leaderboard"]
        self.feeds = self.services.feeds

    async def stop(self):
        """End the server, as a signal does."""
        self._stopping.set()
        await asyncio.wait_for(asyncio.shield(self._task), 10)

    async def connect(self, **how):
        return await asyncio.open_connection("127.0.0.1", self.port, **how)

    async def say(self, *parts, seconds=5):
        """Send bytes on a new connection; return what arrives to its end.

        Raises:
            TimeoutError: It has not ended within `seconds`.
        """
        async with self._told(parts) as reader:
            return await read_to_end(reader, seconds)

    async def say_until(self, wanted, *parts):
        """Send bytes on a new connection; return what arrives until `wanted`, within 5 s."""
        async with self._told(parts) as reader, asyncio.timeout(5):
            return await reader.readuntil(wanted)

    async def say_for(self, seconds, *parts):
        """Send bytes on a new connection, which may have no end; return what arrives so long."""
        received = b""
        async with self._told(parts) as reader:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    async for more in arriving(reader):
                        received += more
        return received

    @contextlib.asynccontextmanager
    async def _told(self, parts):
        reader, writer = await self.connect(limit=2**20)
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
        yield reader
        writer.close()

    async def ask(self, path="/", *headers, method="GET", host="localhost", body=b""):
        """Send a request on a new connection; return the status, the headers and the body."""
        length = [f"Content-Length: {len(body)}"] if body else []
        lines = [f"Host: {host}", "Connection: close", *length, *headers]
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])
        return parse(await self.say(head.encode() + body))


async def read_to_end(reader, seconds=5):
    """Read until the connection ends, or is reset.

    Raises:
        TimeoutError: It has not within `seconds`.
    """
    async with asyncio.timeout(seconds):
        return b"".join([more async for more in arriving(reader)])


async def arriving(reader):
    """Yield what arrives until the connection ends, or is reset."""
    with contextlib.suppress(ConnectionError):
        while more := await reader.read(65536):
            yield more


def parse(answer):
    """Split a response into status, headers and body; the status is 0 if there was none."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]) if first else 0, headers, body


@contextlib.asynccontextmanager
async def serving(monkeypatch, **web):
    """Serve the app with these settings of `[web]`, and any number of boards, until the end."""
    settings = load_with(NOWHERE, monkeypatch)
    settings = settings.model_copy(update={"web": settings.web.model_copy(update=UNPACED | web)})
    app = create_app(settings)
    services = app.extensions["leaderboard"]
    server = Server(app, settings.web, services.end, services.refusals)
    served = Served(app, server, listen(settings.web.host, 0))
    try:
        await until(lambda: served.services.on_loop._loop)  # noqa: SLF001 - it has started
        yield served
    finally:
        await served.stop()

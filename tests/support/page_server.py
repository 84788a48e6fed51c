"""The page with a stream that a test controls: the real app and files, without Kafka."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from quart import Response

from conf.settings import Settings
from tests.support.brokerless import brokerless
from web.live import sse
from web.live.board import beat
from web.server.server import Server, listen

START_SECONDS = 10


class Stage:
    """Serves the page on a separate port, from a thread.

    A test calls `send`, and every open page gets the event. A page that connects later gets
    `first`, initially an empty board, and a `beat`. Where it is not `scripted`, pages get the
    streams of the app itself, and a test puts into its `feeds` what they show.
    """

    def __init__(self, settings: Settings, *, scripted: bool = True) -> None:
        self.first: list[tuple[str, object] | tuple[str, object, str]] = [("board", board())]
        self.beats = True  # after `first`
        self._settings = settings
        self._app = brokerless(settings)
        self._services = self._app.extensions["leaderboard"]
        self.feeds = self._services.feeds
        self.rankings = self._services.rankings
        if scripted:
            self._app.view_functions["streams.live"] = self._live
        self._sock = listen("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._sock.getsockname()[1]}"
        self._pages: set[asyncio.Queue[bytes]] = set()
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="stage", daemon=True)

    def start(self) -> None:
        """Serve."""
        self._thread.start()

    def stop(self) -> None:
        """End every stream, then the server."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(START_SECONDS)

    def send(self, name: str, document: object) -> None:
        """Send an event to every open page."""
        self._loop.call_soon_threadsafe(self._send, _event(name, document))

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on the event loop; later calls come after it."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def end_streams(self) -> None:
        """End every stream; the pages reconnect."""
        self._loop.call_soon_threadsafe(self._send, b"")

    def watched(self) -> int:
        """Count the pages whose stream is open."""
        return len(self._pages)

    def _run(self) -> None:
        server = Server(self._app, self._settings.web, self._end)
        with self._runner:
            self._runner.run(server.serve(self._sock, self._stopping))

    def _end(self) -> None:
        self._send(b"")
        self._services.end()

    def _send(self, chunk: bytes) -> None:
        for page in self._pages:
            page.put_nowait(chunk)

    async def _live(self) -> Response:
        response = Response(self._stream(), mimetype=sse.MIME_TYPE)
        response.timeout = None
        return response

    async def _stream(self) -> AsyncGenerator[bytes, None]:
        page: asyncio.Queue[bytes] = asyncio.Queue()
        self._pages.add(page)
        try:
            first = b"".join(_event(*each) for each in self.first)
            yield first + beat() if self.beats else first
            while chunk := await page.get():
                yield chunk
        finally:
            self._pages.remove(page)


@contextmanager
def playing(settings: Settings, *, scripted: bool = True) -> Iterator[Stage]:
    """Serve a stage for the length of the block."""
    stage = Stage(settings, scripted=scripted)
    stage.start()
    try:
        yield stage
    finally:
        stage.stop()


def _event(name: str, document: object, event_id: str = "") -> bytes:
    return sse.event(json.dumps(document).encode(), name=name, event_id=event_id)


def now() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def board(*rows: tuple[str, int], players: int | None = None, age: int = 0) -> dict[str, Any]:
    """Return a board of users and scores, best first, that changed `age` seconds ago."""
    changed = now() - 1000 * age
    return {
        "board": "all-time",
        "players": len(rows) if players is None else players,
        "updated": changed,
        "rows": [
            {"rank": rank, "user": user, "score": str(score), "time": changed - 1000 * rank}
            for rank, (user, score) in enumerate(rows, 1)
        ],
    }


def score(user: str, points: int, offset: int, partition: int = 0) -> dict[str, object]:
    """Return a score with the present time."""
    return {
        "user": user,
        "score": str(points),
        "time": now(),
        "partition": partition,
        "offset": offset,
    }


def status(stale_since: int | None = None, *problems: str) -> dict[str, object]:
    """Return the document of a `status` event."""
    return {"stale_since": stale_since, "problems": problems}


def story(*orders: str) -> dict[str, object]:
    """Return a story of one-letter users, best first, that changed every 200 s until now."""
    times = [now() - 200_000 * ago - 30_000 for ago in reversed(range(len(orders)))]
    return {
        "boards": [
            {"time": time, "rows": [{"user": user, "score": "1"} for user in order]}
            for time, order in zip(times, orders, strict=True)
        ]
    }

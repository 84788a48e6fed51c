"""What the routes of one app share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from quart import Request

from conf.settings import Settings
from web.access import limits
from web.access.limits import ConcurrencyLimiter, RateLimiter
from web.kafka.producer import Post
from web.kafka.reader import TopicReader
from web.live.feeds import Feeds
from web.metrics import Metrics
from web.posting.waiting import ScoreWatcher

Item = TypeVar("Item")

TICK_SECONDS = 0.25


class OnLoop:
    """Calls from a thread onto the event loop that the app is served on, in their order."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self) -> None:
        """Take the loop that runs now."""
        self._loop = asyncio.get_running_loop()

    def wrap(self, call: Callable[[Item], object]) -> Callable[[Item], None]:
        """Give a function for threads, whose calls happen on the loop."""

        def soon(item: Item) -> None:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call, item)

        return soon


class Ticks:
    """A call on the event loop four times a second, from `begin` to `stop`."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Call now and from now on."""
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self.begin)
        self._call()

    def stop(self) -> None:
        """Call no more."""
        if self._timer is not None:
            self._timer.cancel()


@dataclass(frozen=True)
class Services:
    """One of each, for the life of the app."""

    settings: Settings
    feeds: Feeds
    relays: tuple[TopicReader, ...]
    on_loop: OnLoop
    post: Post
    follower: ScoreWatcher  # of what becomes of scores
    buckets: RateLimiter  # tokens for posts
    places: ConcurrencyLimiter  # for streams
    metrics: Metrics
    ticks: Ticks

    def client(self, request: Request) -> str:
        """Give the address that limits count by."""
        peer = request.remote_addr or ""
        forwarded = request.headers.getlist("X-Forwarded-For")
        return limits.client(peer, forwarded, self.settings.web.trusted_proxies)

    def end(self) -> None:
        """End every stream, and every wait for what becomes of a score."""
        self.feeds.end()
        self.follower.end()

    def problems(self) -> list[str]:
        """Say what keeps the app from showing the newest; empty when it is ready."""
        return [problem for relay in self.relays if (problem := relay.problem())]

"""Calls from threads to the event loop: of each call only the newest waits, never a queue."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Item = TypeVar("Item")


class OnLoop:
    """Runs calls of threads on the app's event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self) -> None:
        """Use the running loop; calls are only possible from now on."""
        self._loop = asyncio.get_running_loop()

    def run(self, call: Callable[..., object], *arguments: object) -> None:
        """Run a call soon."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(call, *arguments)


class PendingCalls:
    """The calls of one thread that wait for the event loop: at most one of each function.

    They run together, in the order of their first calls. So what a thread brings is bounded by what
    is shown, however late the loop is.
    """

    def __init__(self, on_loop: OnLoop) -> None:
        self._on_loop = on_loop
        self._lock = threading.Lock()
        self._waiting: dict[Callable[[Any], object], Any] = {}
        self.merged = 0  # calls that were merged with a later one, ever

    def wrap(
        self,
        call: Callable[[Item], object],
        merge: Callable[[Item, Item], Item] = lambda _, newest: newest,
    ) -> Callable[[Item], None]:
        """Return the function for the thread.

        Args:
            call: Gets the item on the event loop.
            merge: Makes one item of the one that waits and the newest.
        """

        def put(item: Item) -> None:
            with self._lock:
                is_scheduled = bool(self._waiting)
                if call in self._waiting:
                    item = merge(self._waiting[call], item)
                    self.merged += 1
                self._waiting[call] = item
            if not is_scheduled:
                self._on_loop.run(self._run)

        return put

    def wrap_begin(self, call: Callable[[Item], object]) -> Callable[[Item], None]:
        """Return the function for the thread that also drops what waits: it begins anew."""
        put = self.wrap(call)

        def begin(item: Item) -> None:
            with self._lock:
                self._waiting.clear()
            put(item)

        return begin

    def _run(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for call, item in waiting.items():
            call(item)

"""A thread that keeps reading a topic, whatever happens.

What it dies of is logged, then it starts again, and until it is back the app is not ready.
"""

import logging
import threading
import time
from collections.abc import Callable

from dataflows.kafka.topics import Stopped, Unavailable, WrongTopic

log = logging.getLogger(__name__)

RETRY_SECONDS = (1, 2, 5)  # after the first failure in a row, the second, every other
FRESH_SECONDS = 5  # after which a broker that was not heard counts as away
STOP_SECONDS = 3


class TopicReader:
    """One thread at one topic.

    Args:
        name: Of the topic, for the log.
        read: Reads until `stopping` says so; raises whatever goes wrong. It calls `seen` whenever
            the broker answered, and `caught_up` when it has what was there at its start.
        given_up: Called with the error when the topic was never there in time or is wrong.
    """

    def __init__(
        self,
        name: str,
        read: Callable[["TopicReader"], None],
        given_up: Callable[[Exception], None],
    ) -> None:
        self.name = name
        self.errors = 0  # ever
        self._read = read
        self._given_up = given_up
        self._stop = threading.Event()
        self._caught_up = False
        self._ever_caught_up = False
        self._seen_at = 0.0
        self._seen_wall_ms = 0
        self._thread = threading.Thread(target=self._run, name=f"relay of {name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, within 3 s."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            log.warning("the relay of %s did not stop within %d s", self.name, STOP_SECONDS)

    def stopping(self) -> bool:
        """Say whether the thread is to end."""
        return self._stop.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        self._stop.wait(seconds)

    def seen(self) -> None:
        """Note that the broker answered just now."""
        self._seen_at = time.monotonic()
        self._seen_wall_ms = time.time_ns() // 1_000_000

    def caught_up(self) -> None:
        """Note that what was there at the start has been read."""
        if not self._caught_up:
            self.seen()
        self._caught_up = self._ever_caught_up = True

    def problem(self) -> str:
        """Say why what it gives may be old; empty when all is well."""
        if not self._caught_up:
            return f"{self.name} is not read to its end yet"
        if time.monotonic() - self._seen_at > FRESH_SECONDS:
            return f"the broker of {self.name} has not answered for more than {FRESH_SECONDS} s"
        return ""

    def seen_ms(self) -> int:
        """Give when the broker answered last, in milliseconds since the epoch, 0 for never."""
        return self._seen_wall_ms

    def _run(self) -> None:
        failures = 0
        while not self.stopping():
            try:
                self._read(self)
            except Stopped:
                return
            except Exception as error:  # noqa: BLE001 - its death is never silent
                failures = 1 if self._caught_up else failures + 1
                self._fail(error, RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])

    def _fail(self, error: Exception, retry_seconds: float) -> None:
        self._caught_up = False
        self.errors += 1
        if isinstance(error, (Unavailable, WrongTopic)) and not self._ever_caught_up:
            log.error("the relay of %s: %s", self.name, error)
            self._given_up(error)
        else:
            log.error(
                "the relay of %s failed and starts again in %g s: %s: %s",
                self.name,
                retry_seconds,
                type(error).__name__,
                error,
            )
        self.pause(retry_seconds)

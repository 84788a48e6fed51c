"""A thread that keeps reading a topic, whatever happens.

A failure is logged, then reading starts again; until it has caught up the app is not ready.
"""

import logging
import math
import threading
import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException

from dataflows.kafka.topics import Stopped, Unavailable, WrongTopic
from web.clock import now_ms
from web.kafka.unreadable import Unreadable

log = logging.getLogger(__name__)

RETRY_SECONDS = (1, 2, 5)  # after the first failure in a row, the second, and every later one
SILENT_SECONDS = 5  # without an answer after which the broker counts as unreachable
STOP_SECONDS = 3


class TopicReader:
    """One thread for one topic.

    Args:
        name: The topic, for the log.
        read: Reads until `stopping` returns true, and raises whatever goes wrong. It calls
            `note_answer` whenever the broker has answered, and `note_caught_up` when it has read
            what was there at its start.
        on_unavailable: Called when the topic was not there in time or is set up wrongly.
    """

    def __init__(
        self,
        name: str,
        read: Callable[["TopicReader"], None],
        on_unavailable: Callable[[Exception], object],
    ) -> None:
        self.name = name
        self.title = f"reader of {name}"
        self.errors = 0  # ever
        self.unreadable = Unreadable()
        self.answered_ms = now_ms()  # of the broker's last answer, of the start until the first
        self.not_ready = ""  # how far what was there at the start is read; set by `read`
        self.flow_problem = ""  # why what is read is not counted; set by `read`
        self.uncounted = math.nan  # messages that the flow has not counted; set by `read`
        self._read = read
        self._on_unavailable = on_unavailable
        self._stop = threading.Event()
        self._caught_up = False
        self.ever_caught_up = False
        self._answered = 0.0
        self._thread = threading.Thread(target=self._run, name=self.title, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; wait for that at most 3 s."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            log.warning("the %s did not stop within %d s", self.title, STOP_SECONDS)

    def stopping(self) -> bool:
        """Return whether the thread is to end."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> None:
        """Wait, or return at once when the thread is to end."""
        self._stop.wait(seconds)

    def note_answer(self) -> None:
        """Note that the broker has just answered."""
        self._answered = time.monotonic()
        self.answered_ms = now_ms()

    def note_caught_up(self) -> None:
        """Note that everything that was there at the start is read."""
        if not self._caught_up:
            self.note_answer()
        self._caught_up = self.ever_caught_up = True

    def problem(self) -> str:
        """Return why the app may show something outdated; "" if it shows the newest."""
        if not self._caught_up:
            reason = f": {self.not_ready}" if self.not_ready else ""
            return f"{self.name} is not read to its end yet{reason}"
        return self.silence() or self.flow_problem

    def silence(self) -> str:
        """Return that the broker, which has answered before, does so no more; "" if it does."""
        if self.ever_caught_up and time.monotonic() - self._answered > SILENT_SECONDS:
            return f"the broker of {self.name} has not answered for more than {SILENT_SECONDS} s"
        return ""

    def _run(self) -> None:
        failures = 0
        while not self.stopping():
            try:
                self._read(self)
            except Stopped:
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, reading goes on
                failures = 1 if self._caught_up else failures + 1
                self._fail(error, RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])

    def _fail(self, error: Exception, retry_seconds: float) -> None:
        self._caught_up = False
        if not self.ever_caught_up and (reason := _first_steps(error)):
            log.info("%s %s, again in %g s", self.name, reason, retry_seconds)
            self.wait(retry_seconds)
            return
        self.errors += 1
        if isinstance(error, (Unavailable, WrongTopic)) and not self.ever_caught_up:
            log.error("cannot read %s: %s", self.name, error)
            self._on_unavailable(error)
        else:
            log.error(
                "the %s failed, and starts again in %g s: %s: %s",
                self.title,
                retry_seconds,
                type(error).__name__,
                error,
            )
        self.wait(retry_seconds)


def _first_steps(error: Exception) -> str:
    """Return what an error means for a moment after a topic was created, "" for any other."""
    code = error.args[0].code() if isinstance(error, KafkaException) else None
    if code == KafkaError._TIMED_OUT:  # noqa: SLF001 - its public name
        return "is not answered for yet"
    codes = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}
    return "has no leader yet" if code in codes else ""

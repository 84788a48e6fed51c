"""A watchdog: it ends a process that makes no progress, and reports a clock that was set back."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dataflows.process import FAILED, exit_now

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
CLOCK_SECONDS = 2.0  # a smaller step of the wall clock delays the end of an epoch, and no more


class Watchdog:
    """Ends the process where Bytewax has not asked its sources for `stall_seconds`.

    It does not ask them while another process of the cluster has not finished an epoch. One whose
    host has vanished sends no goodbye: Bytewax waits for it for ever, and runs none of our code
    meanwhile, so a thread has to watch. It counts its own ticks: a process that was paused does not
    count as one that stood still.
    """

    def __init__(self, stall_seconds: float) -> None:
        self._stall_seconds = stall_seconds
        self._idle_ticks = 0
        self._holds = 0
        self._lock = threading.Lock()
        self._is_started = False

    def note_progress(self) -> None:
        """Note that a source was asked; the first time starts the watch."""
        self._idle_ticks = 0
        if not self._is_started:
            self._is_started = True
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Pause the watch while the block waits for the broker, which has its own limits."""
        with self._lock:
            self._holds += 1
        try:
            yield
        finally:
            with self._lock:
                self._holds -= 1

    def _watch(self) -> None:
        ahead = _wall_ahead()
        while True:
            time.sleep(TICK_SECONDS)
            self._idle_ticks = 0 if self._holds else self._idle_ticks + 1
            if self._idle_ticks * TICK_SECONDS > self._stall_seconds:
                self._exit()
            before, ahead = ahead, _wall_ahead()
            if before - ahead > CLOCK_SECONDS:
                log.warning(
                    "the clock was set back by %.0f s: scores are counted as before, but Bytewax "
                    "ends no epoch, and no position is committed, until it has caught up; a "
                    "restart of the flow ends that at once",
                    before - ahead,
                )

    def _exit(self) -> None:
        log.critical(
            "no epoch has ended for %g s: another process of the cluster does not answer; "
            "restart all of them, nothing is lost",
            self._stall_seconds,
        )
        exit_now(FAILED)


def _wall_ahead() -> float:
    return time.time() - time.monotonic()

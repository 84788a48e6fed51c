"""A watchdog: it ends a process that makes no progress, and reports a clock that was set back."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dataflows import metrics
from dataflows.process import FAILED, exit_now

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
QUIET_SECONDS = 15.0  # of a flow that stands still, after which the log says so
CLOCK_SECONDS = 2.0  # a smaller step of the wall clock delays the end of an epoch, and no more


class Watchdog:
    """Ends the process where Bytewax has not asked its sources for `stall_seconds`.

    It does not ask them while another process of the cluster has not finished an epoch. One whose
    host has vanished sends no goodbye: Bytewax waits for it for ever, and runs none of our code
    meanwhile, so a thread has to watch. It counts its own ticks: a process that was paused does not
    count as one that stood still.

    The first epoch waits for the restore of every process: it may take `startup_seconds`. `others`
    are the addresses of the other processes, for the log.
    """

    def __init__(self, stall_seconds: float, startup_seconds: float, others: str = "") -> None:
        self._stall_seconds = stall_seconds
        self._startup_seconds = startup_seconds
        self._others = others
        self._idle_ticks = 0
        self._holds = 0
        self.epochs = 0  # that have ended
        self._counts_epochs = ""
        self._epoch_at = self._heard_at = 0.0  # monotonic seconds
        self._asked_at = self._quiet_since = 0.0  # monotonic seconds; 0: the log has no pause
        self._lock = threading.Lock()
        self._is_started = False

    def note_progress(self) -> None:
        """Note that a source was asked; the first time starts the watch."""
        self._idle_ticks = 0
        self._asked_at = time.monotonic()
        if not self._is_started:
            self._is_started = True
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def note_epoch(self, partition: str) -> None:
        """Note that a partition was asked for its snapshot; the first one counts the epochs."""
        self._counts_epochs = self._counts_epochs or partition
        if partition != self._counts_epochs:
            return
        now = time.monotonic()
        if self.epochs:
            metrics.epoch_seconds.observe(now - self._epoch_at)
        self._epoch_at = self._heard_at = now
        self.epochs += 1

    def is_alive(self) -> bool:
        """Return whether an epoch has ended in time, or none was due.

        None is due before the first, which waits for the restore, and while the broker is awaited.
        """
        idle_seconds = time.monotonic() - self._heard_at
        return not self.epochs or self._holds > 0 or idle_seconds < self._limit_seconds

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
            self._heard_at = time.monotonic()

    @property
    def _limit_seconds(self) -> float:
        """The first epoch has ended in every process only when the second one ends here."""
        return self._stall_seconds if self.epochs > 1 else self._startup_seconds

    def _watch(self) -> None:
        ahead = _wall_ahead()
        while True:
            time.sleep(TICK_SECONDS)
            self.report_pause()
            self._idle_ticks = 0 if self._holds else self._idle_ticks + 1
            if self._idle_ticks * TICK_SECONDS > self._limit_seconds:
                self._exit()
            before, ahead = ahead, _wall_ahead()
            if before - ahead > CLOCK_SECONDS:
                log.warning(
                    "the clock was set back by %.0f s: scores are counted as before, but Bytewax "
                    "ends no epoch, and no position is committed, until it has caught up; a "
                    "restart of the flow ends that at once",
                    before - ahead,
                )

    def report_pause(self) -> None:
        """Log that the flow has stood still for 15 s, and then that it goes on; each once."""
        asked_at, since = self._asked_at, self._quiet_since
        is_quiet = self.epochs > 1 and time.monotonic() - asked_at > QUIET_SECONDS
        if is_quiet and not since:
            self._quiet_since = asked_at
            reason = "it waits for Kafka" if self._holds else self._reason()
            log.warning("the flow has stood still for %g s: %s", QUIET_SECONDS, reason)
        elif since and asked_at > since:
            self._quiet_since = 0.0
            log.info("the flow goes on, after %.0f s", asked_at - since)

    def _reason(self) -> str:
        if self._others:
            others = f"one of the other processes of the cluster ({self._others})"
            return f"{others} does not answer, or waits for Kafka"
        return "a step stands still"

    def _exit(self) -> None:
        log.critical(
            "no epoch has ended for %g s: %s; restart %s, nothing is lost",
            self._limit_seconds,
            self._reason(),
            "all of them" if self._others else "the flow",
        )
        exit_now(FAILED)


def _wall_ahead() -> float:
    return time.time() - time.monotonic()

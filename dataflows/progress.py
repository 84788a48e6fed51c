"""How far a process has read what it must read before it is ready: per cent, and seconds left."""

import logging
import threading
import time

log = logging.getLogger(__name__)

REPORT_SECONDS = 10


class Progress:
    """The progress of one task over its partitions; a long one is logged every ten seconds.

    Thread-safe. A partition is added before any of them is noted as done.
    """

    def __init__(self, task: str) -> None:
        self._task = task
        self._lock = threading.Lock()
        self._done: dict[str, float] = {}  # by partition, 0 to 1
        self._started = self._report_at = 0.0  # monotonic seconds

    def begin(self, partition: str) -> None:
        """Add a partition."""
        with self._lock:
            if not self._done:
                self._started = time.monotonic()
                self._report_at = self._started + REPORT_SECONDS
            self._done[partition] = 0.0

    def note(self, partition: str, done: float) -> None:
        """Note how much of a partition is done, 1 for all of it."""
        with self._lock:
            if self._done[partition] == 1:
                return
            self._done[partition] = min(done, 1.0)
            if time.monotonic() < self._report_at:
                return
            self._report_at = time.monotonic() + REPORT_SECONDS
        log.info("%s", self.problem() or f"{self._task}: done after {self.seconds():.0f} s")

    def seconds(self) -> float:
        """Return the seconds since the task began."""
        return time.monotonic() - self._started

    def problem(self) -> str:
        """Return what is left to do, "" where nothing is."""
        done = list(self._done.values())
        share = sum(done) / len(done) if done else 1.0
        if share == 1:
            return ""
        left = f", about {self.seconds() * (1 - share) / share:.0f} s left" if share else ""
        return f"{self._task}: {int(100 * share)} % of {len(done)} partitions{left}"


class ReadUpTo:
    """Notes how far one partition is read towards the end that it had at first."""

    def __init__(self, progress: Progress, partition: str, start: int) -> None:
        self._progress = progress
        self._partition = partition
        self._start = start
        self._end: int | None = None
        progress.begin(partition)

    def note(self, position: int, end: int | None) -> None:
        """Note the position at the end of an epoch, and the end of the partition where known."""
        if end is None:
            return
        self._end = end if self._end is None else self._end
        is_read = position >= self._end
        done = 1.0 if is_read else (position - self._start) / (self._end - self._start)
        self._progress.note(self._partition, done)

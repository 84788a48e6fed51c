"""Scores that come after their period was closed: counted in a metric, and logged now and then."""

import logging
import time
from collections import Counter
from collections.abc import Sequence

from dataflows import metrics
from dataflows.periods import Calendar

log = logging.getLogger(__name__)

REPORT_SECONDS = 60


class LateScores:
    """Counts late scores; they count on the boards whose period is still open."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._report_at = float("-inf")  # monotonic seconds
        self._unreported: Counter[str] = Counter()

    def note(self, partition: int, times: Sequence[int], streams: Sequence[int]) -> None:
        """Note scores of a partition, by their times and the stream time at each.

        A tombstone has the time 0.
        """
        found = Counter(
            period.board
            for time_ms, stream in zip(times, streams, strict=True)
            if time_ms
            for period in self._calendar.periods(time_ms)
            if period.closes_at <= stream
        )
        for board, count in found.items():
            metrics.scores_late.labels(board).inc(count)
        self._unreported += found
        if self._unreported and time.monotonic() >= self._report_at:
            self._report_at = time.monotonic() + REPORT_SECONDS
            boards = ", ".join(f"{count} on {board}" for board, count in self._unreported.items())
            log.warning(
                "late scores, the last in partition %d: %s; their periods are closed, so they do "
                "not count there; the setting late_hours keeps periods open for longer",
                partition,
                boards,
            )
            self._unreported.clear()

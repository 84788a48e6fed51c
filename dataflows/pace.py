"""When something is due, by the monotonic clock."""

import time


class Deadlines:
    """When the steps of a process are due, with or without messages; in monotonic seconds."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}

    def set(self, step: str, at: float | None) -> None:
        """Set when a step is due; None: it is not."""
        if at is None:
            self._at.pop(step, None)
        else:
            self._at[step] = at

    def seconds_left(self) -> float:
        """Return the seconds until the first step is due, 0 when one is."""
        return max(0.0, min(self._at.values(), default=float("inf")) - time.monotonic())

    def pop_due(self, step: str) -> bool:
        """Return whether a step is due; once for each deadline."""
        is_due = self._at.get(step, float("inf")) <= time.monotonic()
        if is_due:
            self.set(step, None)
        return is_due


class Pace:
    """At most one event in `pause` seconds, the first after a pause at once.

    Due times are `pause` seconds apart, whatever the times of the events: so events of the same
    pace need not wait if they are a little early or late.
    """

    def __init__(self, pause_seconds: float) -> None:
        self._pause = pause_seconds
        self.due_at = float("-inf")  # monotonic seconds

    def note(self, now: float) -> None:
        """Note an event; it sets when the next is due."""
        is_first = now >= self.due_at + self._pause
        self.due_at = (now if is_first else self.due_at) + self._pause

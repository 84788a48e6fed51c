"""How late the event loop is: the sign that clients want more than the process can do."""

import asyncio

PROBE_SECONDS = 0.1
WEIGHT = 0.2  # of the newest probe in the average: it is that of the last half second
OVERLOAD_SECONDS = 2


class Lateness:
    """A timer that measures by how much it comes too late."""

    def __init__(self) -> None:
        self.seconds = 0.0  # on average in the last moments: one long task is no overload
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PROBE_SECONDS, self._probe, loop.time() + PROBE_SECONDS)

    def stop(self) -> None:
        """Stop measuring."""
        if self._timer is not None:
            self._timer.cancel()

    def problem(self) -> str:
        """Return why boards are late; "" if they are not."""
        if self.seconds > OVERLOAD_SECONDS:
            return f"this process is overloaded: it is more than {OVERLOAD_SECONDS} s late"
        return ""

    def _probe(self, due: float) -> None:
        late = asyncio.get_running_loop().time() - due
        self.seconds += WEIGHT * (late - self.seconds)
        self.start()

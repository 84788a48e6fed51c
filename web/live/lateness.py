"""How late the event loop is: the sign that clients want more than the process can do."""

import asyncio

PROBE_SECONDS = 0.1
KEPT = 0.9  # of a lateness, at each probe: half of it is forgotten after 0.7 s
OVERLOAD_SECONDS = 2


class Lateness:
    """A timer that measures by how much it comes too late."""

    def __init__(self) -> None:
        self.seconds = 0.0  # the greatest of the last moments
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
        self.seconds = max(late, KEPT * self.seconds)
        self.start()

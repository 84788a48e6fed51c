"""When events go out: at once after a pause, then at a bounded rate, less often under overload."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

LATE_FACTOR = 2  # times the loop's lateness passes at least between two sends
LATE_SECONDS = 1.0  # passes for that reason at most, so that the newest is never much older


class Pacer:
    """Sends each kind of event at most once in its pause; of what waits only the newest goes out.

    The due times of a kind are one pause apart, even if a send is late: lateness does not add up.
    What is due at the same moment is sent together. A board waits for no other kind; the others
    wait for a moment at which the first board may be sent too.

    Args:
        boards: The pause of each board, in seconds, the most watched first.
        others: That of every other kind.
        send: Sends the newest of these kinds.
        lateness: Returns by how many seconds the event loop is late.
    """

    def __init__(
        self,
        boards: Mapping[str, float],
        others: Mapping[str, float],
        send: Callable[[Sequence[str]], object],
        lateness: Callable[[], float],
    ) -> None:
        self._boards = boards
        self._pauses = pauses = {**boards, **others}
        self._send = send
        self._lateness = lateness
        self._first = next(iter(pauses))
        self._due = dict.fromkeys(pauses, float("-inf"))  # by the loop's clock
        self._sent = float("-inf")
        self._waiting: dict[str, float] = {}  # since when
        self._timer: asyncio.TimerHandle | None = None
        self.skipped: Counter[str] = Counter(dict.fromkeys(pauses, 0))  # ever
        self.waited: dict[str, float] = dict.fromkeys(pauses, 0.0)  # seconds, of what was sent last

    def request(self, kind: str) -> None:
        """Send the newest of a kind as soon as it may go out: now, if that is already so."""
        if kind in self._waiting:
            self.skipped[kind] += 1
            return
        self._waiting[kind] = asyncio.get_running_loop().time()
        self._send_due()

    def cancel(self, kind: str) -> None:
        """Do not send what waits of a kind."""
        self._waiting.pop(kind, None)

    def end(self) -> None:
        """Send nothing more."""
        self._waiting.clear()
        self._drop_timer()

    def _send_due(self) -> None:
        """Send what is due, and set a timer for the rest."""
        self._drop_timer()
        now = asyncio.get_running_loop().time()
        if due := [
            kind for kind in self._pauses if kind in self._waiting and self._at(kind) <= now
        ]:
            for kind in due:
                self.waited[kind] = now - self._waiting.pop(kind)
                self._due[kind] = self._next(kind, now)
            self._sent = now
            self._send(due)
        if self._waiting:
            earliest = min(map(self._at, self._waiting))
            self._timer = asyncio.get_running_loop().call_at(earliest, self._send_due)

    def _at(self, kind: str) -> float:
        """Return when a kind may be sent."""
        pause = min(LATE_FACTOR * self._lateness(), LATE_SECONDS)
        leading = kind if kind in self._boards else self._first
        return max(self._due[kind], self._due[leading], self._sent + pause)

    def _next(self, kind: str, now: float) -> float:
        pause = self._pauses[kind]
        is_first = now >= self._due[kind] + pause
        return (now if is_first else self._due[kind]) + pause

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

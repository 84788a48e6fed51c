"""End a flow cleanly: on SIGTERM and SIGINT, or because it asks to be started again.

A thread waits for the signals, since Python's handlers do not run while the main thread is inside
Bytewax. Sources look at the flag, raise StopIteration, and Bytewax drains the flow.
"""

import atexit
import logging
import os
import signal
import sys
import threading
import time
from types import TracebackType
from typing import NoReturn

log = logging.getLogger(__name__)

FAILED = 1
RESTART = 75  # sysexits.h, EX_TEMPFAIL: all is well, start me again
FENCED = 77  # sysexits.h, EX_NOPERM: another flow has taken over
DRAIN_SECONDS = 4
PEER_IS_GONE = "thread panic"  # timely's threads that send and receive: "Send thread panic: ..."
SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


class Stopping:
    """A flag that says whether the flow is to end; calling it reads the flag. Thread-safe."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._started = False
        self._status = 0

    def __call__(self) -> bool:
        """Tell whether the flow is to end."""
        return self._asked.is_set()

    def start(self) -> None:
        """Note that the flow has begun: from now on it drains before it ends."""
        self._started = True

    def ask(self, reason: str, status: int = 0) -> None:
        """End the flow within 4 s and the process with this status."""
        if self._asked.is_set():
            return
        log.info("stopping: %s", reason)
        self._status = status
        self._asked.set()
        threading.Thread(target=self._insist, daemon=True).start()

    def watch(self) -> None:
        """Take SIGTERM and SIGINT from now on; call it before the flow's threads exist."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        threading.Thread(target=self._wait, daemon=True).start()
        sys.excepthook = self._judge
        atexit.register(self._end)

    def _wait(self) -> None:
        name = signal.Signals(signal.sigwait(SIGNALS)).name
        if not self._started:
            log.info("%s before the first step: nothing to drain", name)
            leave(0)
        self.ask(name)

    def _judge(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """Let a stop be clean although another process of the cluster has ended first.

        It may have been so early that it had nothing to drain; what is not committed is read again.
        """
        if self._asked.is_set() and PEER_IS_GONE in str(error):
            log.info("another process of the cluster has ended first: nothing is left to drain")
            leave(self._status)
        sys.__excepthook__(kind, error, trace)

    def _insist(self) -> None:
        time.sleep(DRAIN_SECONDS)
        log.error(
            "not ended %d s after the stop: another process of the cluster still runs, "
            "or the broker does not answer; nothing is lost, what is not committed is read again",
            DRAIN_SECONDS,
        )
        leave(self._status or FAILED)

    def _end(self) -> None:
        if self._status:
            leave(self._status)


def leave(status: int) -> NoReturn:
    """End the process at once; what a flow has not flushed and committed it reads again."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

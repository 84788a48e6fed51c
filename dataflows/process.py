"""The process of a flow: its set-up, its signals, its exit statuses, and how it fails.

A thread waits for the signals, because Python's handlers do not run while the main thread is inside
Bytewax. The sources read the stop flag and raise StopIteration, and Bytewax drains the flow.
"""

import atexit
import ctypes
import gc
import logging
import os
import signal
import sys
import threading
import time
from types import TracebackType
from typing import NoReturn

from conf.loading import start
from conf.settings import InvalidSettings, Settings
from conf.version import version
from dataflows import metrics
from local.supervisor import follow_parent

log = logging.getLogger(__name__)

FAILED = 1
RESTART = 75  # sysexits.h, EX_TEMPFAIL: start the flow again, it needs nothing else
FENCED = 77  # sysexits.h, EX_NOPERM: another flow has taken over
DRAIN_SECONDS = 4
SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
GARBAGE_THRESHOLD = 100_000  # objects: a batch has 10,000 messages, none of them in a cycle
SWITCH_SECONDS = 0.02  # with `-w` Bytewax's main thread asks for the interpreter every millisecond

_LOST = "thread panic"  # of a panic in a thread that talks to another process

_is_flow = threading.Event()  # this is the process of a flow
_failing = threading.Lock()
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only glibc has it


class FlowFailed(RuntimeError):  # noqa: N818 - what has happened
    """Unrecoverable; the message names the cause and the remedy."""


class Stopping:
    """The stop flag of a flow: calling it returns whether the flow must end. Thread-safe."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._is_running = False
        self.status = 0  # with which the process ends
        self._kept: list[object] = []

    def __call__(self) -> bool:
        """Return whether the flow must end."""
        return self._requested.is_set()

    def note_running(self) -> None:
        """Note that the sources run: from now on a signal drains the flow."""
        self._is_running = True

    def request(self, reason: str, status: int = 0) -> None:
        """End the flow within 4 s, and the process with this status."""
        if self._requested.is_set():
            return
        log.info("stopping: %s", reason)
        self.status = status
        self._requested.set()
        threading.Thread(target=self._enforce, daemon=True).start()

    def keep(self, item: object) -> None:
        """Keep an object until the process exits: see `_exit`."""
        self._kept.append(item)

    def handle_signals(self) -> None:
        """Handle SIGTERM and SIGINT from now on; call it before the flow's threads exist."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        threading.Thread(target=self._await_signal, daemon=True).start()
        sys.excepthook = self._exit_on
        atexit.register(self._exit)

    def _await_signal(self) -> None:
        name = signal.Signals(signal.sigwait(SIGNALS)).name
        if not self._is_running:
            log.info("%s before the first batch: nothing to drain", name)
            exit_now(0)
        self.request(name)

    def _exit_on(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """Exit on an exception at once, without waiting for other threads.

        Where another process of the cluster has ended, Bytewax panics here. During a stop that is
        clean all the same: what is not committed is read again.
        """
        is_panic = not isinstance(error, Exception)
        if self._requested.is_set() and is_panic:
            log.info("another process of the cluster has ended first: nothing is left to drain")
            exit_now(self.status)
        if is_panic and _LOST in str(error):
            log.critical(
                "another process of the cluster has ended, or is cut off; restart all of them, "
                "nothing is lost"
            )
        else:
            sys.__excepthook__(kind, error, trace)
        exit_now(FAILED)

    def _enforce(self) -> None:
        time.sleep(DRAIN_SECONDS)
        log.error(
            "not ended %d s after the stop: another process of the cluster still runs, "
            "or the broker does not answer; nothing is lost, what is not committed is read again",
            DRAIN_SECONDS,
        )
        exit_now(self.status or FAILED)

    def _exit(self) -> None:
        """Exit before Python destroys the clients: librdkafka may take seconds to end a thread."""
        if self._requested.is_set():
            exit_now(self.status)


def set_up(flow: str) -> tuple[Settings, Stopping]:
    """Set up the process of a flow; it exits with one line if the settings are bad."""
    try:
        settings = start(flow)
    except InvalidSettings as error:
        sys.exit(str(error))
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 100)
    sys.setswitchinterval(SWITCH_SECONDS)
    log.info("%s, version %s", flow, version())
    metrics.program.info({"flow": flow, "version": version()})
    _is_flow.set()
    stopping = Stopping()
    stopping.handle_signals()
    follow_parent()
    return settings, stopping


def fail(text: str, cause: BaseException | None = None) -> NoReturn:
    """End the process of a flow at once, with one line in the log; elsewhere raise FlowFailed.

    An exception would be slow: Bytewax waits for other threads, a cluster does not print its text,
    and Python waits for the queues of thread pools.
    """
    with _failing:
        log.critical("%s", text)
        if _is_flow.is_set():
            exit_now(FAILED)
    raise FlowFailed(text) from cause


def exit_now(status: int) -> NoReturn:
    """End the process at once; the next start reads again what was not committed."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def return_freed_memory() -> None:
    """Return freed memory to the system, where the C library is glibc.

    Each thread of librdkafka has a heap of its own, which keeps what a restore has read and freed:
    190 MB after a million users. Source: malloc_trim(3)
    """
    if _trim is not None:
        _trim(0)

"""What both flows do first: log, read the settings, take the signals."""

import ctypes
import gc
import logging
import sys

from conf.settings import InvalidSettings, Settings, load
from dataflows.stopping import Stopping

GARBAGE_THRESHOLD = 100_000  # objects: a batch has 10,000 messages, none of them in a cycle
_ARENA_MAX = -8  # mallopt(3), M_ARENA_MAX


def enter() -> tuple[Settings, Stopping]:
    """Give the settings and the flag that says when to end; exits with one line if they are bad."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        settings = load()
    except InvalidSettings as error:
        sys.exit(str(error))
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 100)
    _share_one_heap()
    stopping = Stopping()
    stopping.watch()
    return settings, stopping


def _share_one_heap() -> None:
    """Let all threads allocate from one heap, where the C library is glibc.

    With one for each of librdkafka's threads, what a restore has read stays theirs: 190 MB at a
    million users. Source: mallopt(3)
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)

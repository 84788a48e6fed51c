"""What both flows do first: log, read the settings, take the signals."""

import gc
import logging
import sys

from conf.settings import InvalidSettings, Settings, load
from dataflows.stopping import Stopping

GARBAGE_THRESHOLD = 100_000  # objects: a batch has 10,000 messages, none of them in a cycle
SWITCH_SECONDS = 0.02  # with `-w` Bytewax's main thread asks for the interpreter every millisecond


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
    sys.setswitchinterval(SWITCH_SECONDS)
    stopping = Stopping()
    stopping.watch()
    return settings, stopping

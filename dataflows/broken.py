"""What ends a flow: Kafka did what it cannot go on with."""

import logging
from typing import NoReturn

log = logging.getLogger(__name__)


class BrokenWorld(RuntimeError):  # noqa: N818 - nobody's error here
    """Kafka did what the flow cannot go on with; the text says what and what to do."""


def give_up(text: str, cause: Exception | None = None) -> NoReturn:
    """Raise BrokenWorld, and log it too: a cluster of Bytewax shows no text of an exception."""
    log.critical("%s", text)
    raise BrokenWorld(text) from cause

"""Messages of our own tables that cannot be read: skipped, counted, and logged."""

import logging
import time

from confluent_kafka import Message

log = logging.getLogger(__name__)

LOG_SECONDS = 60  # between two log lines


class Unreadable:
    """Counts such messages, and logs the first and then one a minute; used by one thread."""

    def __init__(self) -> None:
        self.count = 0  # ever
        self._next_log = 0.0

    def add(self, message: Message, reason: Exception) -> None:
        """Count a message that cannot be read for this reason."""
        self.count += 1
        if (now := time.monotonic()) >= self._next_log:
            self._next_log = now + LOG_SECONDS
            log.error(
                "%s[%s]@%s, key %r, is skipped, as it cannot be read: %s: %s; make sure that only "
                "the flow writes to this topic (%d so far)",
                message.topic(),
                message.partition(),
                message.offset(),
                message.key(),
                type(reason).__name__,
                reason,
                self.count,
            )

"""Logging, set up the same way in every program."""

import logging

LIBRDKAFKA = logging.getLogger("librdkafka")

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Every start of a producer logs it: `enable.gapless.guarantee` counts as experimental.
NOISE = ("CONFWARN",)


def set_up_logging() -> None:
    """Log to stderr, a line each, from INFO on; librdkafka logs through Python too."""
    logging.basicConfig(level=logging.INFO, format=FORMAT)
    LIBRDKAFKA.addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return not any(word in record.getMessage() for word in NOISE)

"""Logging, set up the same way in every program."""

import json
import logging
import sys
import time

from conf.settings import Log

LIBRDKAFKA = logging.getLogger("librdkafka")

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Every start of a producer logs the first: `enable.gapless.guarantee` counts as experimental. The
# second ends lines about a coordinator that is not ready yet, of a new broker for example.
NOISE = ("CONFWARN", ": retrying")
BURST_LINES = 5  # of one kind, before the others of that minute are counted instead
BURST_SECONDS = 60


def set_up_logging(part: str, log: Log) -> None:
    """Log to stderr, a line each; librdkafka logs through Python too."""
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(JsonFormatter(part) if log.format == "json" else logging.Formatter(FORMAT))
    logging.basicConfig(level=log.level.upper(), handlers=[out])
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs each request
    LIBRDKAFKA.filters = [_is_worth_a_line, _warn, BurstFilter()]


class JsonFormatter(logging.Formatter):
    """A line of JSON for each record: time, level, part, logger, message, and a traceback."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": f"{time.strftime('%FT%T', time.gmtime(record.created))}.{record.msecs:03.0f}Z",
            "level": record.levelname,
            "part": self._part,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class BurstFilter(logging.Filter):
    """Lets five lines of a kind pass in a minute: librdkafka logs each attempt to connect.

    The kind is the first word, such as FAIL. The first line of the next minute says how many were
    left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, tuple[float, int]] = {}  # kind to monotonic seconds, lines

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is logged."""
        text, now = record.getMessage(), time.monotonic()
        kind = text.split(" ", 1)[0]
        since, count = self._seen.get(kind, (now, 0))
        if now - since > BURST_SECONDS:
            if count > BURST_LINES:
                record.msg, record.args = f"{text} ({count - BURST_LINES} more before)", ()
            since, count = now, 0
        self._seen[kind] = since, count + 1
        return count < BURST_LINES


def _warn(record: logging.LogRecord) -> bool:
    """Make a warning of an error: librdkafka tries again, and a part logs what it has given up."""
    if record.levelno == logging.ERROR:
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
    return True


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return not any(word in record.getMessage() for word in NOISE)

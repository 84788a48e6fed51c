"""One scrape shows the metrics of all workers.

A scrape reaches one of the workers of a port. So each writes its metrics to a file once a second,
and shows the files of the others beside its own.
"""

import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

SHARE_SECONDS = 1
STALE_SECONDS = 10  # after which a file is that of a dead worker


class Worker(NamedTuple):
    """One of several processes on a port: its number, and the folder where they share metrics."""

    number: int
    folder: Path


class SharedMetrics:
    """The file of one worker, and those of the others."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._due = 0.0  # monotonic seconds

    def is_due(self, now: float) -> bool:
        """Return whether the file is to be written, once a second; `now` in monotonic seconds."""
        if now < self._due:
            return False
        self._due = now + SHARE_SECONDS
        return True

    def write(self, text: bytes) -> None:
        """Replace the file of this worker."""
        path = self._worker.folder / str(self._worker.number)
        new = path.with_suffix(".new")
        new.write_bytes(text)
        new.replace(path)

    def of_others(self) -> Iterable[bytes]:
        """Yield what the other workers that live have written.

        A file that ends with `.new` may vanish before it is read.
        """
        for path in sorted(self._worker.folder.glob("*[0-9]")):
            is_fresh = time.time() - path.stat().st_mtime < STALE_SECONDS
            if path.name != str(self._worker.number) and is_fresh:
                yield path.read_bytes()


def merge(texts: Iterable[bytes]) -> bytes:
    """Merge texts in Prometheus's format: each metric once, with the samples of all."""
    samples: dict[bytes, list[bytes]] = {}
    for text in texts:
        for metric in re.split(rb"^(?=# HELP )", text, flags=re.MULTILINE)[1:]:
            description, kind, *lines = metric.splitlines(keepends=True)
            samples.setdefault(description + kind, []).extend(lines)
    return b"".join(head + b"".join(lines) for head, lines in samples.items())

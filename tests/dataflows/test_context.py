"""What the threads of a process share is told once, and whole."""

import contextlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from conf.loading import load
from dataflows import context as context_module
from dataflows.context import FlowContext
from dataflows.process import Stopping
from dataflows.progress import Progress


class Together(Progress):
    """A progress in which two threads have noted a partition before either goes on."""

    def __init__(self):
        super().__init__("restoring")
        self._both = threading.Barrier(2, timeout=0.3)

    def note(self, partition, done):
        super().note(partition, done)
        with contextlib.suppress(threading.BrokenBarrierError):  # only one can be here
            self._both.wait()


def test_the_line_of_a_restore_is_logged_once_with_all_shards(caplog):
    caplog.set_level(logging.INFO)
    context = FlowContext(load(), ("scores",), Stopping())
    context.restoring = Together()
    for shard in ("0", "1"):
        context.restoring.begin(shard)
    with ThreadPoolExecutor(2) as restorers:
        list(restorers.map(context.note_restored, ("0", "1"), (20, 300)))

    (line,) = [
        record.message for record in caplog.records if record.name == context_module.log.name
    ]

    assert "restored 320 users of 2 shards" in line

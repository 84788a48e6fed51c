"""A flow that stops or kills itself at an exact moment, by a real signal.

`HALT="committing 2 SIGKILL highscores" python -m bytewax.run tests.support.halting` runs
`highscores` and kills it when it is about to commit its positions for the second time.
"""

import importlib
import os
import signal
import threading

from dataflows.highscores import sink, source
from dataflows.kafka import producer

WRITERS = (producer.IdempotentWriter, producer.TransactionalWriter)


class Halt:
    """Counts how often its moment comes and sends the signal at the given time."""

    def __init__(self, count, number):
        self._left = count
        self._number = number
        self._lock = threading.Lock()

    def __call__(self):
        with self._lock:
            self._left -= 1
            is_now = self._left == 0
        if is_now:
            os.kill(os.getpid(), self._number)


def fenced(halt):
    """A shard has fenced the earlier writers of its partition and begins to read it."""

    def halted(batches):
        halt()
        yield from batches

    _wrap_reading(halted)


def restoring(halt):
    """A shard has got some messages of its partition, and does not know of them yet."""

    def halted(batches):
        for batch in batches:
            halt()
            yield batch

    _wrap_reading(halted)


def restored(halt):
    """A shard has read its partition to the end, and has written nothing."""

    def halted(batches):
        yield from batches
        halt()

    _wrap_reading(halted)


def _wrap_reading(wrap):
    read = sink.read_to_end  # type: ignore[attr-defined]
    sink.read_to_end = lambda *arguments: wrap(read(*arguments))  # type: ignore[attr-defined]


def producing(halt):
    """A message was given to the producer, which may have sent it or not."""

    def halted(write):
        return lambda self, records: write(self, (_then(record, halt) for record in records))

    for writer in WRITERS:
        setattr(writer, "write", halted(writer.write))  # noqa: B010


def _then(record, act):
    """Return a record; act when the one before it was given to the producer."""
    act()
    return record


def sent(halt):
    """A batch is with the broker; the commit of its transaction, if there is one, has not begun."""
    for writer in WRITERS:
        _before(writer, "_end_batch", lambda sender: (_send(sender), halt()))


def _send(writer):
    assert writer._producer.flush(10) == 0  # noqa: SLF001


def unsent(halt):
    """An epoch is to be flushed, and not all of it was sent."""
    for writer in WRITERS:
        _before(writer, "flush", lambda flusher: len(flusher._producer) and halt())  # noqa: SLF001


def committing(halt):
    """An epoch is with the broker, and its position is not committed yet."""
    owner = source.ScoresPartition
    _before(owner, "next_batch", lambda source: source._is_due and halt())  # noqa: SLF001


def _before(owner, name, act):
    call = getattr(owner, name)

    def acting(self, **named):
        act(self)
        return call(self, **named)

    setattr(owner, name, acting)


MOMENTS = (fenced, restoring, restored, producing, sent, unsent, committing)


def flow():
    """Build the flow that `HALT` names, with its moment prepared."""
    moment, count, number, name = os.environ["HALT"].split()
    producer.TRANSACTION_SECONDS = int(os.environ.get("TRANSACTION_SECONDS", "10"))
    prepare = {each.__name__: each for each in MOMENTS}[moment]
    prepare(Halt(int(count), signal.Signals[number]))
    return importlib.import_module(f"dataflows.{name}").flow()

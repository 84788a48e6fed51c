"""A flow that stops or kills itself at an exact moment, by a real signal.

`HALT="committing 2 SIGKILL highscores" python -m bytewax.run tests.support.halting` runs
`highscores` and kills it when it is about to commit its positions for the second time.
"""

import importlib
import os
import signal
import threading
import time
from concurrent.futures import wait

from confluent_kafka import Producer

from dataflows.highscores import restore, source
from dataflows.kafka import producer
from dataflows.kafka.watch import TopicWatch


class Halt:
    """Counts how often its moment comes and sends the signal at the given time.

    To its own thread, which takes not one step more: a signal to the process stops the main thread
    first, and meanwhile this one may have sent the commit that it should stop before.
    """

    def __init__(self, count, number):
        self._left = count
        self._number = number
        self._lock = threading.Lock()

    def __call__(self):
        with self._lock:
            self._left -= 1
            is_now = self._left == 0
        if is_now:
            signal.pthread_kill(threading.get_ident(), self._number)


def fenced(halt):
    """A shard has fenced the earlier writers of its partition and begins to read it."""

    def halted(batches):
        halt()
        yield from batches

    _wrap_reading(halted)


def restoring(halt):
    """A shard has received some messages of its partition, and not loaded them yet."""

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
    read = restore.read_to_end  # type: ignore[attr-defined]

    def wrapped(*arguments, **named):
        return wrap(read(*arguments, **named))

    restore.read_to_end = wrapped  # type: ignore[attr-defined]


def producing(halt):
    """A message was given to the producer, which may have sent it or not."""

    class Producing(Producer):
        def produce(self, *message):
            super().produce(*message)
            halt()

    producer.Producer = Producing  # type: ignore[attr-defined]


def sent(halt):
    """A batch is with the broker; the commit of its transaction, if there is one, has not begun."""

    class Sent(Producer):
        def commit_transaction(self, *arguments):
            assert self.flush(10) == 0
            halt()
            super().commit_transaction(*arguments)

    producer.Producer = Sent  # type: ignore[attr-defined]
    _before(producer.IdempotentWriter, "_end_batch", lambda writer: (_send(writer), halt()))


def _send(writer):
    assert writer._producer.flush(10) == 0  # noqa: SLF001


def unsent(halt):
    """An epoch is to be flushed, and not all of it was sent."""
    owner = producer.IdempotentWriter
    _before(owner, "flush", lambda writer: len(writer._producer) and halt())  # noqa: SLF001


def committing(halt):
    """An epoch is with the broker, and its position is not committed yet."""
    owner = source.ScoresPartition
    _before(owner, "next_batch", lambda source: source._is_due and halt())  # noqa: SLF001


def reading_on(halt):
    """An epoch is with the broker, its position is not committed yet, and newer scores are read."""

    def check(source):
        if source._is_due and source._consumer._polled:  # noqa: SLF001
            halt()

    _before(source.ScoresPartition, "next_batch", check)


def looking(halt):
    """A flow is about to look at its topics; it gets the answer at once."""
    check = TopicWatch.check

    def look(watch):
        is_due = not watch._asked and time.monotonic() >= watch._ask_at  # noqa: SLF001
        if is_due:
            halt()
        check(watch)
        if is_due:
            wait(watch._asked.values())  # noqa: SLF001
            check(watch)

    TopicWatch.check = look  # type: ignore[method-assign]


def _before(owner, name, act):
    call = getattr(owner, name)

    def acting(self):
        act(self)
        return call(self)

    setattr(owner, name, acting)


MOMENTS = (fenced, restoring, restored, producing, sent, unsent, committing, reading_on, looking)


def flow():
    """Build the flow that `HALT` names, with its moment prepared."""
    moment, count, number, name = os.environ["HALT"].split()
    prepare = {each.__name__: each for each in MOMENTS}[moment]
    prepare(Halt(int(count), signal.Signals[number]))
    return importlib.import_module(f"dataflows.{name}").flow()

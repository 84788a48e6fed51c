"""Filling topics, as fast as possible or at a rate; shares no code with the flows."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Producer

from conf import clients
from conf.settings import Settings

QUEUE_MESSAGES = 1_000_000
FLUSH_SECONDS = 120
PAUSE_SECONDS = 0.01  # between two looks at how many messages are due
LEAST_SHARE = 0.98  # of a rate, below which the load is not what the row says


def producer(settings: Settings) -> Producer:
    """Return a producer that fills a topic fast."""
    fast = {"linger.ms": "50", "queue.buffering.max.messages": QUEUE_MESSAGES}
    return Producer({**clients.producer(settings), **fast})


def produce(out: Producer, topic: str, key: bytes, value: bytes, **more: Any) -> None:  # noqa: ANN401
    """Queue a message, waiting while the queue is full."""
    while True:
        try:
            return out.produce(topic, value, key, **more)
        except BufferError:
            out.poll(0.1)


def finish(out: Producer) -> None:
    """Wait until the broker has all messages.

    Raises:
        TimeoutError: It has not within 120 s.
    """
    if left := out.flush(FLUSH_SECONDS):
        msg = f"the broker did not take {left} messages in {FLUSH_SECONDS} s"
        raise TimeoutError(msg)


@contextmanager
def producing(
    settings: Settings, rate: float, send: Callable[[Producer, int], None]
) -> Iterator[Future[float]]:
    """Call `send` so many times a second from a thread, with 0, 1, 2, …, until the block ends.

    Yields the number sent a second, which is there after the block. What `send` raises is raised at
    the end of the block.
    """
    stopping = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(_produce, settings, rate, send, stopping)
        try:
            yield sent
        finally:
            stopping.set()
            sent.result()


def _produce(
    settings: Settings,
    rate: float,
    send: Callable[[Producer, int], None],
    stopping: threading.Event,
) -> float:
    out, sent, passed, started = Producer(clients.producer(settings)), 0, 0.0, time.monotonic()
    while not stopping.wait(PAUSE_SECONDS):
        due = int((time.monotonic() - started) * rate)
        for number in range(sent, due):
            send(out, number)
        sent, passed = due, time.monotonic() - started
        out.poll(0)
    finish(out)
    return sent / passed if passed else 0.0


def shortfall(rate: float, wanted: float, unit: str) -> str:
    """Say how far a rate falls short of the wanted one, "" where it does not by 2 %."""
    return f"{rate:,.0f} of {wanted:,} {unit}" if rate < LEAST_SHARE * wanted else ""

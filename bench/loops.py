"""Bare Python loops over `scores`, for comparison. `python -m bench.loops consume|fold|produce`.

`consume` drops the messages, `fold` decodes them and keeps a dict of the best, `produce` writes the
improvements too, with an origin header. A loop reads the bests of `high-scores` before it begins.
It prints its seconds and CPU seconds from the first message to the last, its peak of memory in MiB,
and the sum of all bests, as JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from bench.runs import memory_mib
from bench.sending import produce
from bench.topics import Ends, last_values, partitions_of
from conf import clients
from conf.loading import load
from conf.settings import Settings

BATCH = 10_000  # messages
WAIT_SECONDS = 0.001


class Loop(NamedTuple):
    """The clients and the table of a loop, and how it decodes a score."""

    settings: Settings
    reader: Consumer
    writer: Producer
    best: dict[bytes, int]
    decode: Callable[[bytes], int]


def consumer(settings: Settings) -> Consumer:
    """Read all partitions of `scores` with one consumer, with the flow's own properties."""
    topic = settings.topics.scores.name
    reader = Consumer({**clients.consumer(settings), "group.id": "loop"})
    parts = partitions_of(settings, topic)
    reader.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in parts])
    return reader


def run(kind: str) -> dict[str, float | None]:
    """Read all scores; return the measurements."""
    settings = load()
    table = last_values(settings, settings.topics.high_scores.name)
    best = {user: int(score) for user, score in table.items()}
    decode = decoder(settings.topics.scores.format)
    loop = Loop(settings, consumer(settings), Producer(clients.producer(settings)), best, decode)
    seconds, cpu = _read(loop, kind, Ends(settings, settings.topics.scores.name).count())
    loop.reader.close()
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mib": memory_mib("self", "VmHWM"),
        "sum": None if kind == "consume" else sum(best.values()),
    }


def _read(loop: Loop, kind: str, count: int) -> tuple[float, float]:
    step = {"consume": lambda *_: None, "fold": _fold, "produce": _produce}[kind]
    started, cpu, seen = 0.0, 0.0, 0
    while seen < count:
        messages = loop.reader.consume(BATCH, WAIT_SECONDS)
        if messages and not seen:
            started, cpu = time.monotonic(), time.process_time()
        seen += len(messages)
        step(loop, messages)
    loop.writer.flush(60)
    return time.monotonic() - started, time.process_time() - cpu


def decoder(form: str) -> Callable[[bytes], int]:
    """Return a function that decodes a score."""
    if form == "json":
        return msgspec.json.Decoder(int).decode
    return lambda value: int.from_bytes(value, "big", signed=True)


def _improvements(loop: Loop, messages: list[Message]) -> Iterator[tuple[Message, bytes, int]]:
    """Keep the bests of a batch; yield each with its message and its user."""
    best, decode = loop.best, loop.decode
    for message in messages:
        if message.error() is not None:
            raise SystemExit(str(message.error()))
        key, score = message.key() or b"", decode(message.value() or b"")
        if score > best.get(key, -1):
            best[key] = score
            yield message, key, score


def _fold(loop: Loop, messages: list[Message]) -> None:
    for _ in _improvements(loop, messages):
        pass


def _produce(loop: Loop, messages: list[Message]) -> None:
    writer, out = loop.writer, loop.settings.topics.high_scores.name
    for message, key, score in _improvements(loop, messages):
        origin = b"abcdefgh/%d/%d" % (message.partition() or 0, message.offset() or 0)
        moment, headers = message.timestamp()[1], [("origin", origin)]
        produce(writer, out, key, b"%d" % score, timestamp=moment, headers=headers)
    writer.poll(0)


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))

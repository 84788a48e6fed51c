"""Seeded scores of uniformly drawn users, and what must come out of them."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import Producer

from conf import clients
from conf.settings import Settings

QUEUE_MESSAGES = 1_000_000
HIGHEST = 1_000_000


class Size(NamedTuple):
    """How many scores, by how many users."""

    scores: int
    users: int


class Expected(NamedTuple):
    """What a right candidate leaves: the best of each user, and how many messages that takes."""

    best: dict[bytes, int]
    improvements: int


def scores(size: Size, seed: int = 1) -> Iterator[tuple[bytes, int]]:
    """Draw users and scores, the same for a seed."""
    dice = random.Random(seed)  # noqa: S311 - a game
    for _ in range(size.scores):
        yield b"player-%d" % int(dice.random() * size.users), int(dice.random() * HIGHEST)


def fill(settings: Settings, size: Size) -> Expected:
    """Write the scores to `scores` and compute what must come of them."""
    producer = Producer(
        {
            **clients.producer(settings),
            "linger.ms": "50",
            "queue.buffering.max.messages": QUEUE_MESSAGES,
        }
    )
    best: dict[bytes, int] = {}
    improvements = 0
    for user, score in scores(size):
        if score > best.get(user, -1):
            best[user] = score
            improvements += 1
        produce(producer, settings.topics.scores.name, user, b"%d" % score)
    if producer.flush(60):
        msg = "the broker did not take the scores in 60 s"
        raise TimeoutError(msg)
    return Expected(best, improvements)


def produce(producer: Producer, topic: str, key: bytes, value: bytes, **more: object) -> None:
    """Queue a message, waiting while the queue is full."""
    while True:
        try:
            return producer.produce(topic, value, key, **more)  # type: ignore[arg-type]
        except BufferError:
            producer.poll(0.1)

"""Seeded games: the scores of a game, and its right result.

A game begins and ends with a mark on each partition: a score of a separate user, always an
improvement. So the time from the first to the last message of the output is that of the whole game,
even if no other score improves.
"""

import itertools
import random
import time
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from confluent_kafka import Producer

from bench.sending import finish, produce, producer
from bench.topics import partitions_of
from conf.settings import Settings
from dataflows.kafka.partitioner import partition_of
from dataflows.wire import score_codec

HIGHEST = 1_000_000  # no score reaches it
SEED = 1
DAY_MS = 24 * 3600 * 1000


class Game(NamedTuple):
    """The number of scores and users, how scores are drawn, and how they are written."""

    scores: int
    users: int
    is_skewed: bool = False  # a few players make most scores: the number of a user is log-uniform
    form: str = "json"
    partitions: int = 8
    is_replay: bool = False  # the table has a better score of each user already
    shards: int = 0  # partitions of `high-scores`; 0: as many as of `scores`
    days: int = 0  # over which the scores are spread, in their order, up to now; 0: made now

    def __str__(self) -> str:
        """Describe it in a line."""
        how = "skewed" if self.is_skewed else "uniform"
        replayed = ", nothing improves" if self.is_replay else ""
        shards = f", shards: {self.shards}" if self.shards else ""
        days = f", days: {self.days}" if self.days else ""
        return (
            f"{self.scores:,} scores of {self.users:,} users, {how}, {self.form}, "
            f"partitions: {self.partitions}{shards}{days}{replayed}"
        )


class Expected(NamedTuple):
    """The right result: the best of each user, and the number of messages that write it."""

    best: dict[bytes, int]
    improvements: int


def draw(game: Game) -> Iterator[tuple[bytes, int]]:
    """Draw users and scores, the same for a game."""
    dice = random.Random(SEED).random  # noqa: S311 - a game
    for _ in range(game.scores):
        number = game.users ** dice() - 1 if game.is_skewed else game.users * dice()
        yield b"player-%d" % int(number), int(HIGHEST * dice())


@cache
def expected(game: Game) -> Expected:
    """Compute the right result of a game."""
    best = dict(_table(game))
    improvements = 2 * game.partitions
    for user, score in draw(game):
        if score > best.get(user, -1):
            best[user] = score
            improvements += 1
    marks = [*_marks("begin", game.partitions), *_marks("end", game.partitions)]
    return Expected(best | dict.fromkeys(marks, 1), improvements)


def fill(settings: Settings, game: Game) -> None:
    """Write a game to an empty `scores`, in the order of time: no score is late on any board."""
    topic = settings.topics.scores
    out, encode = producer(settings), score_codec(topic.plain_format or "json").encode
    span, now = game.days * DAY_MS, time.time_ns() // 1_000_000
    _write_marks(out, settings, "begin", now - span)
    for number, (user, score) in enumerate(draw(game)):
        made = now - span + span * number // game.scores
        produce(out, topic.name, user, encode(score), timestamp=made)
    finish(out)
    _write_marks(out, settings, "end", now)
    finish(out)


def fill_table(settings: Settings, game: Game) -> None:
    """Write to `high-scores` the table that a replay starts with."""
    out = producer(settings)
    for user, score in _table(game):
        produce(out, settings.topics.high_scores.name, user, b"%d" % score)
    finish(out)


def _table(game: Game) -> Iterator[tuple[bytes, int]]:
    if game.is_replay:
        yield from ((b"player-%d" % number, HIGHEST) for number in range(game.users))


def _marks(turn: str, partitions: int) -> list[bytes]:
    """Name a user of each partition: one of another would break the order of time of its table."""
    found: dict[int, bytes] = {}
    numbers = itertools.count()
    while len(found) < partitions:
        user = f"{turn}-{next(numbers)}".encode()
        found.setdefault(partition_of(user, partitions), user)
    return [found[each] for each in range(partitions)]


def _write_marks(out: Producer, settings: Settings, turn: str, time_ms: int) -> None:
    topic = settings.topics.scores
    value = score_codec(topic.plain_format or "json").encode(1)
    partitions = len(partitions_of(settings, topic.name))
    for each, user in enumerate(_marks(turn, partitions)):
        produce(out, topic.name, user, value, partition=each, timestamp=time_ms)

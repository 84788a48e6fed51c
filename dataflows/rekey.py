"""Move every user of the tables to the partition that Kafka's hash chooses now.

    python -m dataflows.rekey

It is needed after partitions were added to `high-scores`, which the flow refuses until then. The
tables of boards by period must have got as many before. Both flows must have ended. It may be
stopped and run again at any time: each user is written to the right partition before it is removed
from others.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from conf.settings import Settings
from dataflows import command
from dataflows.kafka.caught_up import read_to_end
from dataflows.kafka.partitioner import partitions_of
from dataflows.kafka.producer import IdempotentWriter, Record
from dataflows.kafka.table import decode_bests
from dataflows.kafka.topics import Topic, await_topics
from dataflows.leaderboard import rank_keys
from dataflows.wire import REKEYED, score_codec, split_keys


class Best(NamedTuple):
    """A user's best in one partition of a table; the key is the user, or `period/user`."""

    key: bytes
    value: bytes
    time: int
    rank_key: int


class Step(NamedTuple):
    """A message to write: the best in its right partition, or a tombstone (None) in another one."""

    partition: int
    key: bytes
    best: Best | None


Users = Callable[[Iterable[bytes]], list[bytes]]
"""Returns the user of each key of a table."""


def missing(tables: list[dict[bytes, Best]], users: Users = list) -> Iterator[Step]:
    """Yield each best that is missing in its right partition.

    `tables` are the partitions in order. Of several bests of a key the first in rank stays.
    """
    bests: dict[bytes, Best] = {}
    for best in (best for table in tables for best in table.values()):
        bests[best.key] = min(best, bests.get(best.key, best), key=lambda found: found.rank_key)
    partitions = partitions_of(users(bests), len(tables))
    for (key, best), partition in zip(bests.items(), partitions, strict=True):
        if tables[partition].get(key) != best:
            yield Step(partition, key, best)


def strays(tables: list[dict[bytes, Best]], users: Users = list) -> Iterator[Step]:
    """Yield a tombstone for each key in a wrong partition."""
    for partition, table in enumerate(tables):
        for key, own in zip(table, partitions_of(users(table), len(tables)), strict=True):
            if own != partition:
                yield Step(partition, key, None)


def rekey(settings: Settings) -> int:
    """Re-key the tables of all boards for the partitions that the broker names.

    A moved message has no origin: a replay then counts by its score alone, which loses nothing.
    Returns the number of written messages.

    Raises:
        FlowFailed: The table cannot be read or written; fix the cause, and run it again.
    """
    topics = await_topics(settings, settings.tables)
    writer = IdempotentWriter(settings)
    written = sum(
        _rekey(settings, topic, list if kind == "high_scores" else _users_of_periods, writer)
        for kind, topic in topics.items()
    )
    partitions = topics["high_scores"].partitions
    print(f"{written} messages written: every user is in the right one of {partitions} partitions")
    return written


def _rekey(settings: Settings, topic: Topic, users: Users, writer: IdempotentWriter) -> int:
    tables = [_read(settings, topic, partition) for partition in range(topic.partitions)]
    written = 0
    for steps in (missing(tables, users), strays(tables, users)):
        records = [_record(topic, step) for step in steps]
        writer.write(records)
        writer.flush()  # all are in the right partition before any is removed from another
        written += len(records)
    return written


def _users_of_periods(keys: Iterable[bytes]) -> list[bytes]:
    return [user for _, user in split_keys(keys)]


def _record(topic: Topic, step: Step) -> Record:
    value, time_ms = (step.best.value, step.best.time) if step.best else (None, 0)
    return topic.name, value, step.key, step.partition, None, None, time_ms, {REKEYED: b"1"}


def _read(settings: Settings, topic: Topic, partition: int) -> dict[bytes, Best]:
    table: dict[bytes, Best] = {}
    start = TopicPartition(topic.name, partition, OFFSET_BEGINNING)
    for messages in read_to_end(settings, start):
        bests = decode_bests(messages, score_codec(settings.topics.high_scores.format))
        scores = [score and settings.sign * score for score in bests]
        times = [message.timestamp()[1] for message in messages]
        for message, time, rank_key in zip(messages, times, rank_keys(scores, times), strict=True):
            key, value = message.key() or b"", message.value()
            if value is None or rank_key is None:
                table.pop(key, None)
            else:
                table[key] = Best(key, value, time, rank_key)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its status."""
    return command.run(
        lambda settings, _: rekey(settings), command.parser("rekey", __doc__), arguments
    )


if __name__ == "__main__":
    sys.exit(main())

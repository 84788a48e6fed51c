"""Move every user of `high-scores` to the partition that Kafka's hash gives it now.

    python -m dataflows.rekey

Needed after partitions were added to `high-scores`, which the flow refuses until then. Both flows
must have ended before. It may be stopped and run again at any time: each user is written where it
belongs before it is removed elsewhere.
"""

import logging
import sys
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import Message

from conf.settings import InvalidSettings, Settings, load
from dataflows.broken import BrokenWorld
from dataflows.ends import read_to_end
from dataflows.leaderboard import standings
from dataflows.messages import BadMessage, decode_score
from dataflows.partitioner import partition_of
from dataflows.topics import Topic, Unavailable, WrongTopic, await_topics
from dataflows.writers import IdempotentWriter


class Best(NamedTuple):
    """A user's best as it stands in a partition of `high-scores`."""

    user: bytes
    value: bytes
    time: int
    standing: int


class Step(NamedTuple):
    """A message to write: the best where it belongs, or a tombstone (None) elsewhere."""

    partition: int
    user: bytes
    best: Best | None


class Moves(NamedTuple):
    """What it took: so many messages, until all users stand in their one of these partitions."""

    messages: int
    partitions: int


def homeless(tables: list[dict[bytes, Best]]) -> Iterator[Step]:
    """Yield the bests that are missing where they belong.

    `tables` are the partitions in order. Of several bests of a user the one that ranks first stays.
    """
    bests: dict[bytes, Best] = {}
    for best in (best for table in tables for best in table.values()):
        bests[best.user] = min(best, bests.get(best.user, best), key=lambda found: found.standing)
    for user, best in bests.items():
        home = partition_of(user, len(tables))
        if tables[home].get(user) != best:
            yield Step(home, user, best)


def strays(tables: list[dict[bytes, Best]]) -> Iterator[Step]:
    """Yield a tombstone for each user of a partition where it does not belong."""
    for partition, table in enumerate(tables):
        for user in table:
            if partition_of(user, len(tables)) != partition:
                yield Step(partition, user, None)


def rekey(settings: Settings) -> Moves:
    """Re-key the table for the partitions that the broker names.

    A moved message has no origin: a replay then counts by its score alone, which loses nothing.

    Raises:
        BrokenWorld: The table cannot be read or written; run it again when that is mended.
    """
    topic = await_topics(settings, ["high_scores"])["high_scores"]
    tables = [_read(settings, topic, partition) for partition in range(topic.partitions)]
    writer = IdempotentWriter(settings)
    written = 0
    for steps in (homeless(tables), strays(tables)):
        for step in steps:
            _write(writer, topic, step)
            written += 1
        writer.flush()  # all stand where they belong before any is removed elsewhere
    return Moves(written, topic.partitions)


def _write(writer: IdempotentWriter, topic: Topic, step: Step) -> None:
    writer.write(
        topic=topic.name,
        partition=step.partition,
        key=step.user,
        value=step.best.value if step.best else None,
        timestamp=step.best.time if step.best else 0,  # 0: now
    )


def _read(settings: Settings, topic: Topic, partition: int) -> dict[bytes, Best]:
    table: dict[bytes, Best] = {}
    for messages in read_to_end(settings, topic.name, partition, lambda: False):
        for message in messages:
            user = message.key() or b""
            best = _best(settings, user, message)
            if best is None:
                table.pop(user, None)
            else:
                table[user] = best
    return table


def _best(settings: Settings, user: bytes, message: Message) -> Best | None:
    value, time = message.value(), message.timestamp()[1]
    if value is None:
        return None
    score = decode_score(value, settings.topics.high_scores.format)
    (standing,) = standings([score], [time])
    return Best(user, value, time, standing or 0)


def main() -> int:
    """Re-key the table of the settings; status 1 and one line if that fails."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        moves = rekey(load())
    except (InvalidSettings, Unavailable, WrongTopic, BadMessage, BrokenWorld) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{moves.messages} messages written: every user stands where it belongs "
        f"among {moves.partitions} partitions"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Show how far `scores` is counted, or make the flow read all of it again.

    python -m dataflows.positions            shows each partition: position, end, lag
    python -m dataflows.positions --forget   makes the flow read all of `scores` again

Reading all again is always right: what has been counted is not written twice. The flow must have
ended before its positions are forgotten.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from conf import clients
from conf.settings import Settings
from dataflows import command
from dataflows.kafka.topics import await_topics

REQUEST_SECONDS = 30


class Position(NamedTuple):
    """How far a partition is counted: `offset` is None where nothing was committed."""

    partition: int
    offset: int | None
    low: int
    end: int

    def __str__(self) -> str:
        if self.offset is None:
            return f"{self.partition}: not counted yet, {self.low} to {self.end} there"
        gone = f", {self.low - self.offset} GONE by retention" if self.offset < self.low else ""
        return f"{self.partition}: {self.offset} of {self.end}, lag {self.end - self.offset}{gone}"


def positions(settings: Settings) -> list[Position]:
    """Read the committed positions of all partitions of `scores`, in their order."""
    topic = await_topics(settings, ["scores"])["scores"]
    consumer = Consumer(clients.consumer(settings))
    try:
        asked = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
        found = consumer.committed(asked, timeout=REQUEST_SECONDS)
        return [_position(consumer, committed) for committed in found]
    finally:
        consumer.close()


def _position(consumer: Consumer, committed: TopicPartition) -> Position:
    low, end = consumer.get_watermark_offsets(committed, timeout=REQUEST_SECONDS)
    offset = committed.offset if committed.offset >= 0 else None
    return Position(committed.partition, offset, low, end)


def forget(settings: Settings) -> None:
    """Delete the group's positions; a group that has none is as good."""
    admin = AdminClient(clients.client(settings))
    (future,) = admin.delete_consumer_groups(
        [settings.group], request_timeout=REQUEST_SECONDS
    ).values()
    try:
        future.result(2 * REQUEST_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
            raise


def show(settings: Settings, options: Namespace) -> None:
    """Print a line for each partition of `scores`, after forgetting the positions if asked to."""
    if options.forget:
        forget(settings)
    for position in positions(settings):
        print(f"{settings.topics.scores.name} {position}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its status."""
    parser = ArgumentParser(prog="python -m dataflows.positions")
    parser.add_argument("--forget", action="store_true", help="let the flow read all again")
    return command.run(show, parser, arguments)


if __name__ == "__main__":
    sys.exit(main())

"""Show how far `scores` is counted, or make the flow read all of it again.

    python -m dataflows.positions            shows each partition: position, end, lag
    python -m dataflows.positions --forget   makes the flow read all of `scores` again

Reading all again is always right: what has been counted is not written twice. The flow must have
ended before its positions are forgotten, or it commits them again. A flow that commits within 5 s
is seen, and nothing is forgotten. One that is paused, or for which no scores arrive, is not seen.
"""

import logging
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from conf import clients
from conf.settings import Settings
from dataflows import command
from dataflows.kafka.consumer import bounds, retry
from dataflows.kafka.topics import await_topics

log = logging.getLogger(__name__)

REQUEST_SECONDS = 30
WATCH_SECONDS = 5  # for several epochs of the documented second
POLL_SECONDS = 0.25


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
    """Read the committed positions of all partitions of `scores`, in their order.

    Raises:
        FlowFailed: The broker does not answer.
    """
    topic = await_topics(settings, ["scores"])["scores"]
    consumer = Consumer(clients.consumer(settings))
    try:
        asked = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
        found = retry(
            lambda: consumer.committed(asked, timeout=REQUEST_SECONDS),
            f"committed positions of {topic.name}",
        )
        return [_position(consumer, committed) for committed in found]
    finally:
        consumer.close()


def _position(consumer: Consumer, committed: TopicPartition) -> Position:
    low, end = bounds(consumer, committed.topic, committed.partition)
    offset = committed.offset if committed.offset >= 0 else None
    return Position(committed.partition, offset, low, end)


def forget(settings: Settings, *, watch_seconds: float = WATCH_SECONDS) -> None:
    """Delete the group's positions; a group that has none is as good.

    A flow assigns its partitions by itself and is no member of the group, so only its commits show
    that it runs.

    Raises:
        Refused: A flow commits, or another consumer is a member of the group.
    """
    admin = AdminClient(clients.client(settings))
    _refuse_beside_a_flow(admin, settings.group, watch_seconds)
    (future,) = admin.delete_consumer_groups(
        [settings.group], request_timeout=REQUEST_SECONDS
    ).values()
    try:
        future.result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.NON_EMPTY_GROUP:
            msg = f"group {settings.group} has members: {_members(admin, settings.group)}; end them"
            raise command.Refused(msg) from error
        if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
            raise


def _refuse_beside_a_flow(admin: AdminClient, group: str, seconds: float) -> None:
    before = _committed(admin, group)
    if not before:
        return
    log.info("watching for %g s whether a flow commits", seconds)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        news = _committed(admin, group).items() - before.items()
        if news:
            place, offset = min(news)
            msg = f"a flow runs, it has just committed {place} at {offset}: end it first"
            raise command.Refused(msg)


def _committed(admin: AdminClient, group: str) -> dict[str, int]:
    asked = [ConsumerGroupTopicPartitions(group)]
    futures = admin.list_consumer_group_offsets(asked, request_timeout=REQUEST_SECONDS)
    found = futures[group].result().topic_partitions
    return {f"{each.topic}[{each.partition}]": each.offset for each in found}


def _members(admin: AdminClient, group: str) -> str:
    futures = admin.describe_consumer_groups([group], request_timeout=REQUEST_SECONDS)
    members = futures[group].result().members
    return ", ".join(sorted(f"{each.client_id} on {each.host}" for each in members))


def show(settings: Settings, options: Namespace) -> None:
    """Print a line for each partition of `scores`, after forgetting the positions if asked to."""
    if options.forget:
        forget(settings)
    for position in positions(settings):
        print(f"{settings.topics.scores.name} {position}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its status."""
    parser = command.parser("positions", __doc__)
    parser.add_argument("--forget", action="store_true", help="let the flow read all again")
    return command.run(show, parser, arguments)


if __name__ == "__main__":
    sys.exit(main())

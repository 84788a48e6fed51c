"""Make the tables and boards anew from `scores`.

    python -m dataflows.rebuild          says what it would do, and how long it takes
    python -m dataflows.rebuild --yes    deletes `high-scores`, the tables of other boards, `top-5`

Both flows must have ended. It deletes what they have written, forgets the positions, and creates
the topics again, with the partitions and formats that the settings say. `scores` stays. Then start
both flows: they count all scores again, and log each ten seconds how many are counted and how long
the rest takes. docs/upgrading.md says how to keep the board live meanwhile by flows with other
names.
"""

import math
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from functools import partial

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from conf import clients
from conf.settings import Settings
from dataflows import command
from dataflows.kafka.consumer import begins_before, offsets_at, retry
from dataflows.kafka.topics import await_topics
from dataflows.positions import forget, positions

# What a flow counts on two cores, at least, with one board and with more: docs/performance.md
SCORES_A_SECOND, WITH_PERIODS = 150_000, 75_000
REQUEST_SECONDS = 30
GONE_SECONDS = 30
PAUSE_SECONDS = 0.5
DAY_MS = 24 * 3600 * 1000


def rebuild(settings: Settings, options: Namespace) -> None:
    """Delete and create what the flows have written, after `--yes`.

    Raises:
        Refused: `--yes` is missing, a flow runs, or Kafka does not delete a topic.
    """
    names = [settings.topics.of(kind).name for kind in (*settings.tables, "top_5")]
    count = sum(each.end - each.low for each in positions(settings))
    print(f"deletes {', '.join(names)}, and lets the flows count {count} scores again")
    took = f"on two cores that takes {_seconds(settings, count)} s at most"
    print(f"{took}; until then the boards are empty, or behind")
    if _has_expired(settings):
        print(
            "there are scores that are older than topics.high_scores.periods_retention_ms, "
            f"{settings.topics.high_scores.periods_retention_ms / DAY_MS:g} days: Kafka deletes "
            "the bests of their periods, and a restart before all is counted makes wrong final "
            "boards; raise that setting first"
        )
    if not settings.create_topics:
        seconds = settings.startup_timeout_seconds
        print(f"create_topics is false: it waits {seconds:g} s for you to create them again")
    if not options.yes:
        msg = "nothing is changed: end both flows, then run it with --yes"
        raise command.Refused(msg)
    forget(settings)
    _delete(AdminClient(clients.client(settings)), names)
    await_topics(settings)
    print("done: start both flows; they log how much is counted, and the seconds left")


def _has_expired(settings: Settings) -> bool:
    """Return whether Kafka would delete bests of periods that are open while they are counted."""
    retention_ms = settings.topics.high_scores.periods_retention_ms
    if len(settings.boards) == 1 or retention_ms < 0:
        return False
    topic = await_topics(settings, ["scores"])["scores"]
    asked = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
    consumer = Consumer(clients.consumer(settings))
    try:
        ask = partial(offsets_at, consumer, asked)
        since = int(time.time() * 1000) - retention_ms
        return begins_before(lambda at: retry(partial(ask, at), f"times of {topic.name}"), since)
    finally:
        consumer.close()


def _seconds(settings: Settings, count: int) -> int:
    return math.ceil(count / (SCORES_A_SECOND if len(settings.boards) == 1 else WITH_PERIODS))


def _delete(admin: AdminClient, names: Sequence[str]) -> None:
    for name, future in admin.delete_topics(list(names), request_timeout=REQUEST_SECONDS).items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                msg = f"{name} is not deleted: {error.args[0].str()}; run it again"
                raise command.Refused(msg) from error
    deadline = time.monotonic() + GONE_SECONDS
    while left := set(names) & admin.list_topics(timeout=REQUEST_SECONDS).topics.keys():
        if time.monotonic() > deadline:
            msg = f"{min(left)} is still there after {GONE_SECONDS} s: run it again"
            raise command.Refused(msg)
        time.sleep(PAUSE_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its status."""
    parser = command.parser("rebuild", __doc__)
    parser.add_argument("--yes", action="store_true", help="delete, and create anew")
    return command.run(rebuild, parser, arguments)


if __name__ == "__main__":
    sys.exit(main())

"""Read new messages of `high-scores`, and ask which scores the flow has counted.

Every method blocks, and all calls come from one thread.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from confluent_kafka import Message, TopicPartition

from conf.settings import Settings
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.topics import Topic, await_topics
from dataflows.wire import ORIGIN, decode_origin, decode_score
from web.kafka import client
from web.kafka.progress import Progress
from web.kafka.records import Best, Receipt
from web.kafka.unreadable import Unreadable

POLL_SECONDS = 0.05
KINDS = ("scores", "high_scores")
BATCH = 1_000  # messages at once, at most
TOPICS_SECONDS = 60  # for which a look at the topics holds
LATENCY = {"fetch.wait.max.ms": "50", "queued.max.messages.kbytes": "256"}


class TableReader:
    """Reads what is written to `high-scores` between `start` and `pause`, any number of times.

    Args:
        settings: Of the topics and the group of the flow.
        stopping: Returns whether waiting for the topics has become pointless.
        unreadable: Counts what cannot be read.
    """

    def __init__(
        self, settings: Settings, stopping: Callable[[], bool], unreadable: Unreadable
    ) -> None:
        self._settings = settings
        self._stopping = stopping
        self._unreadable = unreadable
        self._admin = client.make_admin(settings)
        self._consumer = client.make_consumer(settings, **LATENCY)
        self._progress = Progress({})
        self._topics: dict[str, Topic] = {}
        self._topics_expire = 0.0
        self._ends: dict[int, int] = {}

    def start(self) -> None:
        """Note the ends of the table: everything that is written from now on will be read.

        Raises:
            KafkaException: No answer.
            Stopped: `stopping` returned true before the topics were there.
            Unavailable: The topics were not there in time.
            WrongTopic: A topic is set up wrongly.
        """
        if time.monotonic() >= self._topics_expire:
            self._topics = await_topics(self._settings, KINDS, stopping=self._stopping)
            self._topics_expire = time.monotonic() + TOPICS_SECONDS
        topic = self._topics["high_scores"]
        ends = client.end_offsets(self._admin, topic)
        self._progress = Progress(ends)
        client.assign(self._consumer, [TopicPartition(topic.name, *each) for each in ends.items()])

    def pause(self) -> None:
        """Stop fetching."""
        self._consumer.unassign()

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def poll(self) -> list[Best]:
        """Return new bests as soon as there are any, after 50 ms at the latest.

        Raises:
            KafkaException: The broker reports an error.
        """
        return list(self._bests(client.poll(self._consumer, self._progress, BATCH, POLL_SECONDS)))

    def next_offsets(self) -> Mapping[int, int]:
        """Return for each partition of `high-scores` the offset that would be read next."""
        return self._progress.next_offsets

    def counted(self, receipts: Collection[Receipt]) -> set[Receipt]:
        """Return the scores before the committed position of the flow; see `end` for the proof.

        Raises:
            KafkaException: No answer within 2 s.
        """
        scores = self._topics["scores"].name
        partitions = {receipt.partition for receipt in receipts}
        wanted = [TopicPartition(scores, partition) for partition in partitions]
        positions = client.committed_positions(self._admin, self._settings.group, wanted)
        counted = {each for each in receipts if positions.get(each.partition, -1) > each.offset}
        if counted:
            self._ends = client.end_offsets(self._admin, self._topics["high_scores"])
        return counted

    def end(self, user: bytes) -> tuple[int, int]:
        """Return the user's partition of `high-scores`, and its end after the last `counted`.

        The flow writes before it commits, so whatever it wrote for a counted score is before it.
        """
        partition = partition_of(user, self._topics["high_scores"].partitions)
        return partition, self._ends[partition]

    def _bests(self, messages: Iterable[Message]) -> Iterator[Best]:
        for message in messages:
            value = message.value()
            if message.error() is not None or value is None:
                continue
            try:
                best = self._best(message, value)
            except Exception as error:  # noqa: BLE001 - a SystemError of a header that is not UTF-8
                self._unreadable.add(message, error)
                continue
            if best is not None:
                yield best

    def _best(self, message: Message, value: bytes) -> Best | None:
        """Return a best; None if it comes from an earlier `scores`, or has no origin."""
        found = dict(client.headers(message) or ()).get(ORIGIN)
        if not isinstance(found, bytes):
            return None
        origin = decode_origin(found)
        if origin.topic_id != self._topics["scores"].id:
            self._topics_expire = 0  # `scores` may have been recreated
            return None
        score = decode_score(value, self._settings.topics.high_scores.format)
        receipt = Receipt(origin.partition, origin.offset)
        return Best(message.key() or b"", receipt, score, message.timestamp()[1])

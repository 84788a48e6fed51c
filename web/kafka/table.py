"""The end of `high-scores` as it grows: who improved, and which scores the flow has passed.

Every method blocks, and belongs to one thread.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress

from confluent_kafka import ConsumerGroupTopicPartitions, Message, TopicPartition

from conf.settings import Settings
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.topics import Topic, await_topics
from dataflows.wire import ORIGIN, BadMessage, decode_origin, decode_score
from web.kafka import client
from web.kafka.progress import Progress
from web.posting.outcome import Best, Receipt

POLL_SECONDS = 0.05
KINDS = ("scores", "high_scores")
BATCH = 1_000  # messages at once, at most
TOPICS_SECONDS = 60  # for which the topics are taken to be the same
QUICK = {"fetch.wait.max.ms": "50", "queued.max.messages.kbytes": "256"}


class TableReader:
    """Reads `high-scores` from where it ends at `begin`, until `pause`; then it may begin again.

    Args:
        settings: Where the topics are and how their values are written.
        over: Says whether there is no sense any more in waiting for the topics.
    """

    def __init__(self, settings: Settings, over: Callable[[], bool]) -> None:
        self.progress = Progress({})
        self._settings = settings
        self._over = over
        self._admin = client.make_admin(settings)
        self._consumer = client.make_consumer(settings, **QUICK)
        self._topics: dict[str, Topic] = {}
        self._topics_until = 0.0
        self._ends: dict[int, int] = {}

    def begin(self) -> None:
        """Be there: whatever is written from now on will be read.

        Raises:
            KafkaException: No answer.
            Stopped: It is over before the topics are there.
            Unavailable: They are not there in time.
            WrongTopic: One is not as it must be.
        """
        if time.monotonic() >= self._topics_until:
            self._topics = await_topics(self._settings, KINDS, stopping=self._over)
            self._topics_until = time.monotonic() + TOPICS_SECONDS
        topic = self._topics["high_scores"]
        ends = client.ends(self._admin, topic)
        self.progress = Progress(ends)
        starts = [TopicPartition(topic.name, *each) for each in ends.items()]
        client.assign(self._consumer, starts)

    def pause(self) -> None:
        """Read nothing any more."""
        self._consumer.unassign()

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def take(self) -> list[Best]:
        """Give who improved, as soon as somebody has, after 50 ms at the latest.

        Raises:
            KafkaException: The broker reports an error.
        """
        messages = client.take(self._consumer, BATCH, POLL_SECONDS)
        self.progress.took(messages)
        return list(self._bests(messages))

    def passed(self, places: Collection[Receipt]) -> set[Receipt]:
        """Give which of these the flow has passed; `end` then says where that leaves `high-scores`.

        It is level with all that is written for them, since the flow commits after it has written.

        Raises:
            KafkaException: No answer in 2 s.
        """
        scores = self._topics["scores"].name
        wanted = [TopicPartition(scores, each) for each in {place.partition for place in places}]
        group = ConsumerGroupTopicPartitions(self._settings.group, wanted)
        asked = self._admin.list_consumer_group_offsets(
            [group], request_timeout=client.ANSWER_SECONDS
        )
        found = asked[self._settings.group].result().topic_partitions
        positions = {each.partition: each.offset for each in found}
        passed = {place for place in places if positions.get(place.partition, -1) > place.offset}
        if passed:
            self._ends = client.ends(self._admin, self._topics["high_scores"])
        return passed

    def end(self, user: bytes) -> tuple[int, int]:
        """Give the user's partition of `high-scores` and where it ended at the last `passed`."""
        partition = partition_of(user, self._topics["high_scores"].partitions)
        return partition, self._ends[partition]

    def _bests(self, messages: Iterable[Message]) -> Iterator[Best]:
        for message in messages:
            value = message.value()
            if message.error() is None and value is not None:
                with suppress(BadMessage, KeyError):
                    yield self._best(message, value)

    def _best(self, message: Message, value: bytes) -> Best:
        origin = decode_origin(_origin(message))
        if origin.topic_id != self._topics["scores"].id:
            raise KeyError(origin.topic_id)
        score = decode_score(value, self._settings.topics.high_scores.format)
        place = Receipt(origin.partition, origin.offset)
        return Best(message.key() or b"", place, score, message.timestamp()[1])


def _origin(message: Message) -> bytes:
    headers = dict(message.headers() or ())
    value = headers[ORIGIN]
    return value if isinstance(value, bytes) else b""

"""Notices topics that change after the flow has begun."""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented, not in __all__
    AdminClient,
    TopicDescription,
)

from conf import clients
from conf.settings import Settings
from dataflows.kafka.topics import REQUEST_SECONDS, Topic, short_id
from dataflows.process import RESTART, Stopping, fail

if TYPE_CHECKING:
    from concurrent.futures import Future

log = logging.getLogger(__name__)


class TopicWatch:
    """Checks the topics once a minute, and never waits for the answer.

    No client reports that a topic was recreated or has more partitions, and a consumer does not
    even report that it was deleted. The interval is `topic.metadata.refresh.interval.ms` of
    `[kafka]`, by default a minute.
    """

    def __init__(self, settings: Settings, topics: Iterable[Topic], stopping: Stopping) -> None:
        self._topics = {topic.name: topic for topic in topics}
        self._stopping = stopping
        self._admin = AdminClient(clients.admin(settings))
        self._seconds = int(clients.consumer(settings)[clients.METADATA_MS]) / 1000
        self._ask_at = time.monotonic()
        self._asked: Mapping[str, Future[TopicDescription]] = {}

    def check(self) -> None:
        """Ask once a minute; judge the answers when they have arrived.

        A flow whose topic has changed is stopped with status 75, so that it starts again.

        Raises:
            FlowFailed: A topic is gone.
        """
        now = time.monotonic()
        if self._asked:
            if all(future.done() for future in self._asked.values()):
                asked, self._asked = self._asked, {}
                for name, future in asked.items():
                    self._judge(self._topics[name], future)
        elif now >= self._ask_at:
            self._ask_at = now + self._seconds
            wanted = TopicCollection(list(self._topics))
            self._asked = self._admin.describe_topics(wanted, request_timeout=REQUEST_SECONDS)

    def _judge(self, topic: Topic, asked: "Future[TopicDescription]") -> None:
        try:
            found = asked.result()
        except KafkaException as error:
            self._judge_error(topic, error)
            return
        partitions = len(found.partitions)
        if short_id(found.topic_id) != topic.id:
            self._stopping.request(f"{topic.name} was recreated: start the flow again", RESTART)
        elif partitions != topic.partitions:
            reason = f"{topic.name} has {partitions} partitions now: start the flow again"
            self._stopping.request(reason, RESTART)

    def _judge_error(self, topic: Topic, error: KafkaException) -> None:
        if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            log.debug("no description of %s: %s", topic.name, error.args[0].str())
            return
        fail(f"topic {topic.name} is gone: was it deleted? The next start creates a new one", error)

"""Watch whether the topics stay what they were when the flow began."""

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
from dataflows.broken import give_up
from dataflows.stopping import RESTART, Stopping
from dataflows.topics import REQUEST_SECONDS, Topic, short_id

if TYPE_CHECKING:
    from concurrent.futures import Future

log = logging.getLogger(__name__)


class Watch:
    """Looks at the topics once a minute, without ever waiting for the answer.

    No client tells when a topic is made anew or gets more partitions, and a consumer not even when
    it is deleted. A minute is the default of `topic.metadata.refresh.interval.ms` in `[kafka]`.
    """

    def __init__(self, settings: Settings, topics: Iterable[Topic], stopping: Stopping) -> None:
        self._topics = {topic.name: topic for topic in topics}
        self._stopping = stopping
        self._admin = AdminClient(clients.client(settings))
        self._seconds = int(clients.consumer(settings)[clients.METADATA_MS]) / 1000
        self._ask_at = time.monotonic()
        self._asked: Mapping[str, Future[TopicDescription]] = {}

    def look(self) -> None:
        """Ask where it is time, and take the answer where it is there.

        A flow whose topic has changed is asked to end with status 75, so that it starts again.

        Raises:
            BrokenWorld: A topic is gone.
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
            self._stopping.ask(f"{topic.name} was made anew: start the flow again", RESTART)
        elif partitions != topic.partitions:
            reason = f"{topic.name} has {partitions} partitions now: start the flow again"
            self._stopping.ask(reason, RESTART)

    def _judge_error(self, topic: Topic, error: KafkaException) -> None:
        if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            log.debug("no description of %s: %s", topic.name, error.args[0].str())
            return
        give_up(
            f"topic {topic.name} is gone: was it deleted? The next start makes a new one", error
        )

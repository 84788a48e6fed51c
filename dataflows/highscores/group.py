"""Other users of the flow's consumer group: a younger flow, or a foreign program."""

import logging
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from conf import clients
from conf.settings import Settings
from dataflows.process import FENCED, exit_now
from dataflows.wire import CommitMark, decode_mark

log = logging.getLogger(__name__)

CHECK_SECONDS = 2
REQUEST_SECONDS = 10
REPORT_SECONDS = 60


class GroupWatch:
    """Watches the group: with `at_least_once` it ends the process when a younger flow has begun.

    Both flows commit their marks to the same partitions, so the older one reads the mark of the
    younger within a few checks. The younger one ignores that of the older.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._marks: dict[int, CommitMark] = {}
        self._report_at = float("-inf")

    def add(self, partition: int, mark: CommitMark) -> None:
        """Watch a partition with our mark; the first call starts the watch."""
        self._marks = {**self._marks, partition: mark}  # the thread reads it
        if len(self._marks) == 1 and self._settings.guarantee == "at_least_once":
            threading.Thread(target=self._watch, name="group", daemon=True).start()

    def note_failed_commit(self, error: KafkaError) -> None:
        """Report a commit that failed, once a minute; positions are committed again soon."""
        if time.monotonic() < self._report_at:
            return
        self._report_at = time.monotonic() + REPORT_SECONDS
        if error.code() == KafkaError.UNKNOWN_MEMBER_ID:
            threading.Thread(target=self._report_members, daemon=True).start()
        else:
            log.warning("positions not committed, again soon: %s", error.str())

    def _report_members(self) -> None:
        """Log the members of the group: while it has any, Kafka refuses our positions."""
        group = self._settings.group
        try:
            admin = AdminClient(clients.client(self._settings))
            asked = admin.describe_consumer_groups([group], request_timeout=REQUEST_SECONDS)
            members = asked[group].result(2 * REQUEST_SECONDS).members
            names = ", ".join(f"{each.client_id} at {each.host}" for each in members)
        except KafkaException as error:
            names = f"unknown: {error.args[0].str()}"
        log.warning(
            "positions not committed, again soon: another program is a member of group %s (%s); "
            "give it a group id of its own",
            group,
            names or "it has just left",
        )

    def has_younger(self, consumer: Consumer | None = None) -> bool:
        """Return whether a younger flow has committed its mark; False where nobody answers."""
        consumer = consumer or Consumer(clients.consumer(self._settings))
        asked = [TopicPartition(self._topic, partition) for partition in self._marks]
        try:
            found = consumer.committed(asked, timeout=REQUEST_SECONDS)
        except KafkaException as error:
            log.debug("no positions of the group: %s", error.args[0].str())
            return False
        return any(
            _is_younger(decode_mark(each.metadata), self._marks[each.partition]) for each in found
        )

    def _watch(self) -> None:
        consumer = Consumer(clients.consumer(self._settings))
        while not self.has_younger(consumer):
            time.sleep(CHECK_SECONDS)
        log.critical(
            "another flow of group %s has begun after this one, which ends: two flows at once can "
            "lower bests with `at_least_once`; make sure that one runs",
            self._settings.group,
        )
        exit_now(FENCED)


def _is_younger(found: CommitMark | None, own: CommitMark) -> bool:
    return found is not None and (found.generation, found.flow) > (own.generation, own.flow)

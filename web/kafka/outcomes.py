"""What `high-scores`, and the position of the flow, prove of posted scores.

Everything here runs on the thread of the reader of `high-scores`.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from confluent_kafka import KafkaException, Message

from conf.settings import Settings
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.topics import Topic
from dataflows.wire import ORIGIN, BadMessage, decode_origin, header, score_codec
from web.kafka.client import BrokerClient
from web.kafka.progress import Progress
from web.kafka.records import Best, News, Posted, Receipt
from web.kafka.unreadable import Unreadable

POSITIONS_SECONDS = 0.1  # between questions for the position of the flow
TOPICS_SECONDS = 60  # for which a look at the topic of scores holds


class Posts(NamedTuple):
    """The posted scores whose outcomes are awaited, and what their reader passes on."""

    begin: Callable[[str], object]  # the id of `high-scores`: what it had until now is not news
    posted: Callable[[], Sequence[Posted]]
    put: Callable[[News], object]


class Outcomes:
    """Finds what proves the outcomes of posted scores.

    Args:
        settings: Those of the flow and of `scores`.
        broker: Knows the flow's position.
        topic: `high-scores`.
        progress: How far it is read.
        unreadable: Counts its messages that cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        broker: BrokerClient,
        topic: Topic,
        progress: Progress,
        unreadable: Unreadable,
    ) -> None:
        self._settings = settings
        self._codec = score_codec(settings.topics.high_scores.format)
        self._broker = broker
        self._topic = topic
        self._progress = progress
        self._unreadable = unreadable
        self._scores_id = ""
        self._scores_id_expires = 0.0
        self._positions_due = 0.0

    def news(self, posted: Sequence[Posted], messages: Iterable[Message]) -> News:
        """Return what these messages, and the flow's position, say of these scores."""
        users, name = {each.user for each in posted}, self._topic.name
        own = (it for it in messages if it.key() in users and it.topic() == name)
        bests = tuple(best for message in own if (best := self._read(message)))
        return News(bests, self._counted(posted), dict(self._progress.next_offsets))

    def _counted(self, posted: Sequence[Posted]) -> dict[Receipt, tuple[int, int]]:
        """Return the scores before the committed position of the flow.

        With each comes a partition of `high-scores`, and the end that it has after that position is
        known: the flow writes before it commits, so what it wrote for the score is before that end.
        """
        users = {each.receipt: each.user for each in posted if each.receipt}
        if not users or time.monotonic() < self._positions_due:
            return {}
        self._positions_due = time.monotonic() + POSITIONS_SECONDS
        with suppress(KafkaException):  # no answer
            counted = self._before_position(users)
            if counted:
                ends = self._broker.ends(self._topic)
                homes = {each: partition_of(users[each], len(ends)) for each in counted}
                return {each: (home, ends[home]) for each, home in homes.items()}
        return {}

    def _before_position(self, receipts: Collection[Receipt]) -> list[Receipt]:
        name = self._settings.topics.scores.name
        found = self._broker.committed(name, {receipt.partition for receipt in receipts})
        return [each for each in receipts if found.get(each.partition, -1) > each.offset]

    def _read(self, message: Message) -> Best | None:
        try:
            return self._best(message)
        except BadMessage as error:
            self._unreadable.add(message, error)
            return None

    def _best(self, message: Message) -> Best | None:
        """Return a best; None if it comes from an earlier `scores`, or has no origin."""
        value, found = message.value(), header(message, ORIGIN)
        if value is None or found is None:
            return None
        origin = decode_origin(found)
        if origin.topic_id != self._id_of_scores(origin.topic_id):
            return None
        score = self._codec.decode(value)
        receipt = Receipt(origin.partition, origin.offset)
        return Best(message.key() or b"", receipt, score, message.timestamp()[1])

    def _id_of_scores(self, expected: str) -> str:
        """Return the id of `scores`; where it is not as expected, it may have been recreated.

        Without an answer of the broker it is taken for what is expected.
        """
        if expected != self._scores_id and time.monotonic() >= self._scores_id_expires:
            try:
                self._scores_id, _ = self._broker.identify(self._settings.topics.scores.name)
            except KafkaException:
                return expected
            self._scores_id_expires = time.monotonic() + TOPICS_SECONDS
        return self._scores_id

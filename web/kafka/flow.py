"""Whether the flow counts the scores that arrive, by the positions that it commits."""

import math
import time
from collections.abc import Mapping
from contextlib import suppress

from confluent_kafka import KafkaException

from dataflows.kafka.topics import Topic
from web.kafka.client import BrokerClient
from web.kafka.progress import STALL_SECONDS
from web.kafka.reader import TopicReader

POSITIONS_SECONDS = 5  # between questions for the committed positions


class FlowProgress:
    """Whether the flow commits positions while scores arrive, and how many it has not counted."""

    def __init__(self) -> None:
        self.uncounted = math.nan  # offsets between positions and ends; NaN before both are known
        self._positions: Mapping[int, int] | None = None
        self._ends: Mapping[int, int] = {}  # when the positions were first seen
        self._uncounted_since: float | None = None

    def update(self, positions: Mapping[int, int], ends: Mapping[int, int], now: float) -> None:
        """Add the committed positions and the ends of `scores`; `now` is in seconds.

        A position is negative where none was committed.
        """
        self.uncounted = sum(max(0, end - max(0, positions[each])) for each, end in ends.items())
        if positions != self._positions:
            self._positions, self._ends, self._uncounted_since = positions, ends, None
        elif ends != self._ends and self._uncounted_since is None:
            self._uncounted_since = now

    def problem(self, now: float) -> str:
        """Return that scores are not counted; "" if they are, or if none have arrived."""
        since = self._uncounted_since
        if since is None or now - since <= STALL_SECONDS:
            return ""
        return (
            f"scores arrive, but for more than {STALL_SECONDS} s no flow has counted any: "
            "the positions of its group stand still"
        )


class FlowMonitor:
    """Asks the broker now and then whether the flow counts what arrives on `scores`."""

    def __init__(self, reader: TopicReader, broker: BrokerClient, topic: Topic) -> None:
        self._reader = reader
        self._broker = broker
        self._topic = topic
        self._progress = FlowProgress()
        self._next_round = 0.0

    def check(self, ends: Mapping[int, int]) -> None:
        """Note on the reader how far the flow is behind, and whether it stands still.

        The broker is asked every 5 s.
        """
        now = time.monotonic()
        if now < self._next_round:
            return
        self._next_round = now + POSITIONS_SECONDS
        with suppress(KafkaException):  # no answer, or no right to ask
            asked = range(self._topic.partitions)
            positions = self._broker.committed(self._topic.name, asked)
            self._progress.update(positions, ends, now)
            self._reader.uncounted = self._progress.uncounted
        self._reader.flow_problem = self._progress.problem(now)

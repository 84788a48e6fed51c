"""Whether the flow counts the scores that arrive, by the positions that it commits."""

import math
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from confluent_kafka import KafkaException

from dataflows.kafka.topics import Topic
from web.kafka.client import BrokerClient
from web.kafka.progress import STALL_SECONDS
from web.kafka.reader import TopicReader

POSITIONS_SECONDS = 5  # between questions for the committed positions
GAP_SECONDS = 2 * POSITIONS_SECONDS  # without an answer
PARTIAL_SECONDS = 60  # as STALL_SECONDS while other positions move: a replay reads in turns


class _Seen(NamedTuple):
    """A partition: its position, its end when that was seen first, and when it was last in order.

    In order: the position had moved, or nothing had arrived since it was seen first.
    """

    position: int
    end: int
    at: float


class FlowProgress:
    """Whether the flow commits positions while scores arrive, and how many it has not counted."""

    def __init__(self) -> None:
        self.uncounted = math.nan  # offsets between positions and ends; NaN before both are known
        self._seen: dict[int, _Seen] = {}  # by partition
        self._at = self._moved_at = 0.0  # of the last update, and of the last one that had moved

    def update(self, positions: Mapping[int, int], ends: Mapping[int, int], now: float) -> None:
        """Add the committed positions and the ends of `scores`; `now` is in seconds.

        A position is negative where none was committed. After a gap, a position that has moved does
        not prove that the flow counts now: it may have moved at the beginning of the gap.
        """
        has_gap, self._at = now - self._at > GAP_SECONDS, now
        self.uncounted = sum(max(0, end - max(0, positions[each])) for each, end in ends.items())
        for partition, end in ends.items():
            position, seen = positions[partition], self._seen.get(partition)
            if seen and position == seen.position:
                if end <= seen.end:
                    self._seen[partition] = seen._replace(at=now)
            elif seen and has_gap and position < end:
                self._seen[partition] = _Seen(position, end, seen.at)
            else:
                self._seen[partition] = _Seen(position, end, now)
                self._moved_at = now

    def problem(self) -> str:
        """Return that scores are not counted; "" if they are, or if none have arrived.

        The time in which the broker has not answered counts: whatever arrived in it, nobody has
        seen that it was counted.
        """
        is_moving = self._at - self._moved_at <= STALL_SECONDS
        seconds = PARTIAL_SECONDS if is_moving else STALL_SECONDS
        still = [seen for seen in self._seen.values() if self._at - seen.at > seconds]
        if not still:
            return ""
        return (
            f"scores arrive, but for more than {seconds} s no flow was seen to count those of "
            f"{len(still)} of {len(self._seen)} partitions: the positions of its group stand still"
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
        self._reader.flow_problem = self._progress.problem()

"""How far the partitions of a topic are read, pure, and whether reading has come to a halt.

An end is the last stable offset: what open transactions hide lies beyond it.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

STUCK_SECONDS = 15  # in which what a partition had at their beginning must have been read


class Place(Protocol):
    """A message, or the end of a partition, as confluent-kafka gives them."""

    def partition(self) -> int | None:
        """Give its partition."""

    def offset(self) -> int | None:
        """Give its offset; of an end, that of the message that may come."""

    def error(self) -> object:
        """Give None for a message."""


class Stuck(ConnectionError):  # noqa: N818 - what the reader is
    """The broker has messages and answers, but the reader does not get them."""


class Progress:
    """How far each partition is read: the offset of the message that would be next."""

    def __init__(self, starts: Mapping[int, int]) -> None:
        self.read_to = dict(starts)
        self._goal: Mapping[int, int] = {}
        self._goal_at = 0.0

    def took(self, places: Iterable[Place]) -> None:
        """Take what was read."""
        for place in places:
            step = 1 if place.error() is None else 0
            partition, next_offset = place.partition() or 0, (place.offset() or 0) + step
            self.read_to[partition] = max(next_offset, self.read_to.get(partition, 0))

    def jumped(self, positions: Mapping[int, int]) -> None:
        """Take up to where all is read, or given up."""
        self.read_to.update(positions)

    def reached(self, ends: Mapping[int, int]) -> bool:
        """Say whether all is read up to these ends."""
        return all(self.read_to.get(partition, 0) >= end for partition, end in ends.items())

    def check(self, ends: Mapping[int, int], now: float) -> None:
        """Take the newest ends at `now` in seconds.

        Raises:
            Stuck: Ends that were seen more than 15 s ago are not reached.
        """
        if self.reached(self._goal):
            self._goal, self._goal_at = ends, now
        elif now - self._goal_at > STUCK_SECONDS:
            late = {each: end for each, end in self._goal.items() if self.read_to[each] < end}
            msg = f"partitions {sorted(late)} are not read on, though there is more"
            raise Stuck(msg)

"""How far the partitions of a topic are read, and whether reading has stalled; pure.

An end offset is the last stable offset: messages of open transactions are past it.
"""

from collections.abc import Mapping, Sized

STALL_SECONDS = 15  # within which the ends seen at their beginning must be reached


class Stalled(ConnectionError):  # noqa: N818 - what the consumer is
    """The broker answers and has more messages, but the consumer does not get them."""


class Progress:
    """For each partition the offset of the message that would be read next; 0: unknown."""

    def __init__(self, starts: Mapping[int, int]) -> None:
        self.next_offsets = dict(starts)
        self._goal: Mapping[int, int] = {}
        self._goal_set = 0.0

    def advance(self, partition: int, next_offset: int) -> None:
        """Note that everything before an offset is read; one that is lower changes nothing."""
        known = self.next_offsets.get(partition, 0)
        self.next_offsets[partition] = max(next_offset, known)

    def jump(self, next_offsets: Mapping[int, int]) -> None:
        """Set how far partitions are read; it may go back."""
        self.next_offsets.update(next_offsets)

    def has_reached(self, ends: Mapping[int, int]) -> bool:
        """Return whether everything before these ends is read."""
        return all(self.next_offsets.get(each, 0) >= end for each, end in ends.items())

    def check(self, ends: Mapping[int, int], now: float) -> None:
        """Compare with the newest ends; `now` is in seconds.

        Raises:
            Stalled: Ends that were seen more than 15 s ago are not reached.
        """
        if self.has_reached(self._goal):
            self._goal, self._goal_set = ends, now
        elif now - self._goal_set > STALL_SECONDS:
            late = sorted(
                each for each, end in self._goal.items() if not self.has_reached({each: end})
            )
            msg = f"reading of the partitions {late} has stalled, though they have more messages"
            raise Stalled(msg)


class Arrivals:
    """Whether messages arrive while what was there at the start is read."""

    def __init__(self) -> None:
        self._answers = 0  # of the broker, about one a second, since the last message

    def check(self, messages: Sized, *, has_answered: bool) -> None:
        """Note messages, and whether the broker has just said where the topic ends.

        Raises:
            Stalled: It has done so for 15 s, and no message has arrived.
        """
        self._answers = 0 if messages else self._answers + has_answered
        if self._answers > STALL_SECONDS:
            msg = "reading has stalled at its start, though there are more messages"
            raise Stalled(msg)

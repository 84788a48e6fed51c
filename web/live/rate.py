"""How many scores arrive a second, measured by the end offsets of `scores`; pure.

The marker of a transaction has an offset too, so scores of transactional producers count slightly
more than once.
"""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

KEPT = 60  # rates, for the plot of a page that has just connected


class EndOffsets(NamedTuple):
    """The end offset of each partition at `time`, in milliseconds since the epoch."""

    time: int
    partitions: Mapping[int, int]


class Rate(NamedTuple):
    """Scores a second between the previous measurement and `time`, in ms since the epoch."""

    time: int
    per_second: float


class RateMeter:
    """The last 60 rates; while nothing arrives, only the first 0 is kept."""

    def __init__(self) -> None:
        self._rates: deque[Rate] = deque(maxlen=KEPT)
        self._previous = EndOffsets(0, {})

    def update(self, ends: EndOffsets) -> bool:
        """Add the newest end offsets; return whether there is a new rate.

        There is none at first, after the number of partitions changed, or where an offset went
        back because the topic was recreated.
        """
        previous, self._previous = self._previous, ends
        if previous.time >= ends.time or previous.partitions.keys() != ends.partitions.keys():
            return False
        arrived = [end - previous.partitions[each] for each, end in ends.partitions.items()]
        if min(arrived, default=-1) < 0:
            return False
        per_second = round(sum(arrived) * 1000 / (ends.time - previous.time), 1)
        if not per_second and (not self._rates or not self._rates[-1].per_second):
            return False
        self._rates.append(Rate(ends.time, per_second))
        return True

    def rates(self) -> list[Rate]:
        """Return the last rates, oldest first."""
        return list(self._rates)


def encode(rate: Rate) -> bytes:
    """Encode a rate as the data of an event."""
    return msgspec.json.encode(rate._asdict())

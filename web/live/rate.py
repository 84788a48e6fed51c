"""How many scores a second arrive, pure: from where the partitions of `scores` end.

A transaction's marker takes an offset too, so scores of transactional producers count a bit more.
"""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

KEPT = 60  # rates, for the plot of a new page


class Ends(NamedTuple):
    """Where each partition ended at `time`, in milliseconds since the epoch."""

    time: int
    partitions: Mapping[int, int]


class Rate(NamedTuple):
    """So many scores a second arrived up to `time`, in milliseconds since the epoch."""

    time: int
    per_second: float


class Rates:
    """The last 60 rates. While nothing arrives, only the first 0 is kept."""

    def __init__(self) -> None:
        self._kept: deque[Rate] = deque(maxlen=KEPT)
        self._before = Ends(0, {})

    def put(self, ends: Ends) -> bool:
        """Take the newest ends; say whether they give a new rate.

        They give none without earlier ones of the same partitions, or where one went back.
        """
        before, self._before = self._before, ends
        if before.time >= ends.time or before.partitions.keys() != ends.partitions.keys():
            return False
        arrived = [end - before.partitions[each] for each, end in ends.partitions.items()]
        if min(arrived, default=-1) < 0:
            return False
        per_second = round(sum(arrived) * 1000 / (ends.time - before.time), 1)
        if not per_second and (not self._kept or not self._kept[-1].per_second):
            return False
        self._kept.append(Rate(ends.time, per_second))
        return True

    def rates(self) -> list[Rate]:
        """Give the last rates, oldest first."""
        return list(self._kept)


def encode(rate: Rate) -> bytes:
    """Write a rate as the data of an event."""
    return msgspec.json.encode(rate._asdict())

"""The last scores of all partitions; pure."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from dataflows.leaderboard import EARLIEST_MS

SIZE = 10  # scores that are kept


class Score(NamedTuple):
    """A message of `scores`; sorts as it is shown: by time, then partition and offset."""

    time: int
    partition: int
    offset: int
    user: str
    score: int


class Removal(NamedTuple):
    """A tombstone of `scores`: of this partition, what is before it of the user counts no more."""

    partition: int
    offset: int
    user: str


class RecentScores:
    """The newest scores, and the removals that took some of them back: at most 10 of each.

    A time in the future counts as now, so that no score stays the newest for ever. A score that is
    added again, because its reader restarted, counts once.
    """

    def __init__(self) -> None:
        self._scores: dict[tuple[int, int], Score] = {}
        self.removals: deque[Removal] = deque(maxlen=SIZE)  # oldest first

    def add(self, scores: Iterable[Score], now: int) -> bool:
        """Add scores, in any order; `now` is in milliseconds. Return whether the newest changed."""
        before = self._scores.keys()
        unknown = [each for each in scores if (each.partition, each.offset) not in before]
        kept = newest([*self._scores.values(), *unknown], now)
        self._scores = {(score.partition, score.offset): score for score in kept}
        return self._scores.keys() != before

    def remove(self, removals: Iterable[Removal]) -> bool:
        """Forget the scores of users who were removed after them. Return whether there were any."""
        ends = {(each.partition, each.user): each for each in removals}
        taken = set()
        for key, score in list(self._scores.items()):
            removal = ends.get((score.partition, score.user))
            if removal is not None and score.offset < removal.offset:
                del self._scores[key]
                taken.add(removal)
        self.removals.extend(sorted(taken, key=lambda removal: removal.offset))
        return bool(taken)

    def scores(self) -> Mapping[tuple[int, int], Score]:
        """Return the newest by partition and offset, oldest first."""
        return self._scores


def newest(scores: Iterable[Score], now: int) -> list[Score]:
    """Return the newest 10 scores, oldest first; `now` is in milliseconds."""
    timed = [each._replace(time=max(EARLIEST_MS, min(each.time, now))) for each in scores]
    return sorted(timed)[-SIZE:]


def encode_removal(removal: Removal) -> bytes:
    """Encode a removal as the data of an event."""
    return msgspec.json.encode(removal._asdict())


def encode(score: Score) -> bytes:
    """Encode a score as the data of an event, its points as a string: they may be beyond 2^53."""
    return msgspec.json.encode(
        {
            "user": score.user,
            "score": str(score.score),
            "time": score.time,
            "partition": score.partition,
            "offset": score.offset,
        }
    )

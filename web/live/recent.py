"""Which scores are the last ones, over all partitions, pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

EARLIEST = 1  # milliseconds; a time of 0 or below counts as this one


class Score(NamedTuple):
    """One message of `scores`; they sort as they are shown: by time, then partition and offset."""

    time: int
    partition: int
    offset: int
    user: str
    score: int


class Latest:
    """The newest scores, at most `size` of them.

    A time in the future counts as now, so that no score stays the newest for ever. A score that
    comes again, as after a new start of its reader, is taken once.
    """

    def __init__(self, size: int = 10) -> None:
        self._size = size
        self._scores: dict[tuple[int, int], Score] = {}

    def add(self, scores: Iterable[Score], now: int) -> bool:
        """Take scores, in any order, at the time `now`; say whether the newest changed."""
        before = self._scores.keys()
        known = dict(self._scores)
        for score in scores:
            time = max(EARLIEST, min(score.time, now))
            known.setdefault((score.partition, score.offset), score._replace(time=time))
        newest = sorted(known.values())[-self._size :]
        self._scores = {(score.partition, score.offset): score for score in newest}
        return self._scores.keys() != before

    def scores(self) -> Mapping[tuple[int, int], Score]:
        """Give the newest by partition and offset, oldest first."""
        return self._scores


def encode(score: Score) -> bytes:
    """Write a score as the data of an event; the score is a string, as browsers need it."""
    return msgspec.json.encode(
        {
            "user": score.user,
            "score": str(score.score),
            "time": score.time,
            "partition": score.partition,
            "offset": score.offset,
        }
    )

"""The stream time of a partition of `scores`, which closes the periods of boards; pure."""

from collections.abc import Sequence
from itertools import accumulate
from zlib import crc32

from dataflows.periods import YEAR_MS


class StreamTime:
    """The stream time of a partition of `scores`: the greatest time of a score so far.

    It decides, as in Kafka Streams, when a period closes, so that a replay gives the same result.
    One user with a clock in the year 3000 must not close the periods of all others:

    - A score that is more than a year ahead moves it only once another user has one, too.
    - While one user alone has scores in a partition, stream time is that user's. If the first score
      of another is more than a year before it, stream time starts again there for all others.

    So no user's stream time ever goes back.

    Args:
        now: In ms; 0 before the first score.
        first: The last time, and the user (hashed), of the one who was alone; 0, 0: nobody.
        ahead: The time and the user (hashed) of a score that no other user has confirmed; or 0, 0.
    """

    def __init__(
        self, now: int = 0, first: tuple[int, int] = (0, 0), ahead: tuple[int, int] = (0, 0)
    ) -> None:
        self.now = now
        self.first = first
        self.ahead = ahead

    def advance(self, users: Sequence[bytes | None], times: Sequence[int]) -> Sequence[int]:
        """Return the stream time at each of these scores, in their order, each one included.

        Users are keys as they came: None is one user more. A tombstone has the time 0, and moves
        nothing.
        """
        newest = max(times, default=0)
        if self.now and not self.first[0] and newest <= self.now + YEAR_MS:
            found = list(accumulate(times, max, initial=self.now))[1:]
            self.now = max(self.now, newest)
            return found
        return [
            self._advance(crc32(user or b""), time) for user, time in zip(users, times, strict=True)
        ]

    @property
    def is_alone(self) -> bool:
        """Whether one user has made all scores: no other one has confirmed the time."""
        return self.first[0] == self.now

    def encode(self) -> tuple[int, ...]:
        """Return the five numbers that a mark keeps."""
        return self.now, *self.first, *self.ahead

    @classmethod
    def decode(cls, numbers: Sequence[int]) -> "StreamTime":
        """Return the stream time whose five numbers a mark has kept."""
        now, first_time, first_user, ahead_time, ahead_user = numbers
        return cls(now, (first_time, first_user), (ahead_time, ahead_user))

    def _advance(self, user: int, time: int) -> int:
        if time:
            self._move(user, time)
        first_time, first_user = self.first
        return max(self.now, first_time) if user == first_user else self.now

    def _move(self, user: int, time: int) -> None:
        is_alone, first_user = self.is_alone, self.first[1]
        if not self.now or (is_alone and user == first_user and time <= self.now + YEAR_MS):
            self.now = max(self.now, time)
            self.first = self.now, user
            return
        if is_alone and user != first_user:
            if time < self.now - YEAR_MS:
                self.now = time
                return
            self.first = 0, 0
        if time <= self.now + YEAR_MS:
            self.now = max(self.now, time)
            self.first = self.first if self.now < self.first[0] else (0, 0)
        elif self.ahead[0] > self.now + YEAR_MS and user != self.ahead[1]:
            self.now, self.ahead = min(time, self.ahead[0]), (0, 0)
            self.first = self.first if self.now < self.first[0] else (0, 0)
        else:
            self.ahead = time, user

"""What became of the scores of one user, and what a correction has to write; pure.

A correction is part of `scores`, so a replay gives the same boards. It is a tombstone with the
header `voided`, which names the places of the scores that are taken back, and after it the best
honest scores once more, each with its own time and the header `again`, which names its place.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dataflows.periods import ALL_TIME, Calendar
from dataflows.wire import AGAIN, REASON, VOIDED

_PLACE = re.compile(r"([0-9]{1,9})@([0-9]{1,18})")


class Place(NamedTuple):
    """Where a message stands in `scores`."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}@{self.offset}"


def parse_place(text: str) -> Place:
    """Read `PARTITION@OFFSET`.

    Raises:
        ValueError: It is not that.
    """
    match = _PLACE.fullmatch(text)
    if match is None:
        msg = f"{text!r} is not PARTITION@OFFSET, such as 3@1042"
        raise ValueError(msg)
    return Place(int(match[1]), int(match[2]))


class Event(NamedTuple):
    """A message of the user: a score, greater the better, or None for a tombstone.

    `stream` is the stream time of its partition there; `time` is its own, both in ms. `value` and
    `schema`, a header, are what was written.
    """

    place: Place
    score: int | None
    time: int
    stream: int
    headers: Mapping[str, str]
    value: bytes | None = None
    schema: bytes | None = None


class History:
    """The messages of a user, in the order of each partition, and what they come to.

    Partitions may follow each other in any order.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.events: list[Event] = []
        self.scores: dict[Place, Event] = {}  # that no tombstone has removed
        self._tombstones: list[Event] = []  # but those of `void`
        self.voided: dict[Place, str] = {}  # with the reason
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        """Add a message."""
        self.events.append(event)
        if event.score is not None:
            is_removed = any(_removes(each, event) for each in self._tombstones)
            if AGAIN not in event.headers and not is_removed:
                self.scores[event.place] = event
        elif VOIDED in event.headers:
            reason = event.headers.get(REASON, "")
            self.voided.update((place, reason) for place in _places(event.headers[VOIDED]))
        else:
            self._tombstones.append(event)
            kept = (each for each in self.scores.values() if not _removes(event, each))
            self.scores = {each.place: each for each in kept}

    def bests(self, calendar: Calendar, voiding: Iterable[Place] = ()) -> dict[str, Event]:
        """Return the best honest score of each board and period, by its key on `top-5`.

        Those of equal scores are the earliest. A score that came after its period was closed does
        not count there.
        """
        dishonest = self.voided.keys() | set(voiding)
        found: dict[str, Event] = {}
        for event in self.scores.values():
            if event.place in dishonest:
                continue
            periods = calendar.periods(event.time)
            keys = [
                f"{each.board}/{each.name}" for each in periods if each.closes_at > event.stream
            ]
            for key in (ALL_TIME, *keys):
                best = found.get(key)
                if best is None or (event.score or 0) > (best.score or 0):
                    found[key] = event
        return found

    def again(self, calendar: Calendar, voiding: Iterable[Place], stream: int) -> list[Event]:
        """Return what must be written once more after the tombstone, in the order of the log.

        Boards of periods that are closed at a stream time keep what they have.
        """
        bests = self.bests(calendar, voiding)
        open_bests = {
            event.place: event for key, event in bests.items() if _is_open(calendar, key, stream)
        }
        return [open_bests[place] for place in sorted(open_bests)]


def _removes(tombstone: Event, score: Event) -> bool:
    """Return whether a tombstone removes a score: as in the fold, between partitions by time."""
    if score.place.partition == tombstone.place.partition:
        return score.place.offset < tombstone.place.offset
    return score.time <= tombstone.time


def _is_open(calendar: Calendar, key: str, stream: int) -> bool:
    board, _, name = key.partition("/")
    period = calendar.find(board, name) if name else None
    return period is None or period.closes_at > stream


def _places(text: str) -> Sequence[Place]:
    """Read the places of a header; what another program has written there names none."""
    try:
        return [parse_place(each) for each in text.split(",")]
    except ValueError:
        return ()

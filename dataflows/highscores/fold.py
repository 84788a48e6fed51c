"""The fold of scores into bests, pure: what improves, and which scores were counted before."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Any, NamedTuple, Protocol

from dataflows.leaderboard import NO_SCORE
from dataflows.wire import ORIGIN, BadMessage, Origin, WithHeaders, decode_origin, header

REMOVED_USERS = 100_000  # of a shard, whose last tombstone is remembered

Improvement = tuple[bytes, int | None, int, int]
"""A user, the new best or None for a removal, and the time and offset of the score."""


class Candidates(NamedTuple):
    """Scores of one partition of `scores` that may improve one shard: columns, by offset."""

    partition: int
    users: list[bytes]
    scores: list[int | None]  # None: a tombstone
    times: list[int]
    offsets: list[int]

    def select(self, selectors: Iterable[object]) -> "Candidates":
        """Return the candidates whose selector is true, in their order."""
        chosen = list(selectors)
        columns: Iterable[list[Any]] = self[1:]
        return Candidates(self.partition, *(list(compress(each, chosen)) for each in columns))


class Removal(NamedTuple):
    """The last tombstone of a user: the partition of `scores` that it came from, and its time."""

    partition: int
    time: int


class Shard(NamedTuple):
    """What a shard knows of its users.

    `counted` has the offset of the last improvement from each partition of `scores`: everything up
    to it was folded before.
    """

    best: dict[bytes, int]
    counted: dict[int, int]
    removed: dict[bytes, Removal]


def improvements(shard: Shard, candidates: Candidates) -> Iterator[Improvement]:
    """Fold candidates into a shard, and yield each improvement, in the order of their offsets.

    A replay of what was counted yields nothing. A user has one partition of `scores`, and counts in
    its order. Where producers with different partitioners spread a user over several, no order is
    given between them: then a tombstone removes the scores of other partitions that are no younger
    than itself, whichever is read first, so that a replay brings nobody back.

    Yields:
        A score strictly greater than the user's best, or the tombstone of a user who has one.
    """
    best, counted, removed = shard
    partition, *columns = candidates
    last = counted.get(partition, -1)
    for user, score, time, offset in zip(*columns, strict=True):
        if offset <= last:
            continue
        if score is None:
            note_removal(removed, user, Removal(partition, time))
            if best.pop(user, None) is None:
                continue
        elif score > best.get(user, NO_SCORE):
            if user in removed and _precedes(partition, time, removed[user]):
                continue
            best[user] = score
        else:
            continue
        counted[partition] = offset
        yield user, score, time, offset


def note_removal(removed: dict[bytes, Removal], user: bytes, removal: Removal) -> None:
    """Note a tombstone; of the last 100,000 users that were removed."""
    removed[user] = removal
    if len(removed) > REMOVED_USERS:
        del removed[next(iter(removed))]


def _precedes(partition: int, time: int, removal: Removal) -> bool:
    return partition != removal.partition and time <= removal.time


class TableMessage(WithHeaders, Protocol):
    """A message of `high-scores`, as far as its origin goes."""

    def key(self) -> Any:  # noqa: ANN401 - as confluent-kafka has it
        """Return the user."""

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of its time, and the time in ms."""


class LastOrigin(NamedTuple):
    """The last score from a partition of `scores` that a shard has counted."""

    offset: int
    user: bytes
    time: int


class Origins:
    """The last origin from each partition of `scores`, found again in a table.

    A header costs as much to read as the rest of a message. Each origin says how many partitions
    had reached the shard by then, so the search goes back from the last message of a batch until it
    has found that many: one header a batch where the topics are co-partitioned.

    Args:
        topic_id: Id of `scores`; origins of an earlier topic of that name are ignored.
    """

    def __init__(self, topic_id: str) -> None:
        self._topic_id = topic_id
        self.last: dict[int, LastOrigin] = {}
        self.unreadable: list[TableMessage] = []

    def note(self, messages: Sequence[TableMessage]) -> None:
        """Note a batch of the table, by offset; all batches must pass in their order."""
        found: dict[int, LastOrigin] = {}
        sources = 0
        for message in reversed(messages):
            origin = self.of(message)
            if origin is None:
                continue
            sources = sources if found else origin.sources
            time = message.timestamp()[1]
            found.setdefault(origin.partition, LastOrigin(origin.offset, message.key(), time))
            if len(found) == sources:
                break
        for partition, last in found.items():
            before = self.last.get(partition, last)
            self.last[partition] = max(before, last, key=lambda origin: origin.offset)

    def of(self, message: TableMessage) -> Origin | None:
        """Return the origin of a message, None where it has none of this `scores`."""
        try:
            value = header(message, ORIGIN)
            origin = None if value is None else decode_origin(value)
        except BadMessage:  # nobody here has written it
            self.unreadable.append(message)
            return None
        return origin if origin is not None and origin.topic_id == self._topic_id else None

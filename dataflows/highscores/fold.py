"""The fold of scores into bests, pure: what improves, and which scores were counted before."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Any, NamedTuple, Protocol

from dataflows.leaderboard import NO_SCORE
from dataflows.wire import ORIGIN, Origin, decode_origin

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


def improvements(
    best: dict[bytes, int], counted: dict[int, int], candidates: Candidates
) -> Iterator[Improvement]:
    """Fold candidates into `best`, and yield each improvement, in their order.

    Args:
        best: Score of each user; changed as the improvements are taken.
        counted: Offset of the last improvement from each partition of `scores`. An earlier run has
            folded everything up to it, so a replay yields nothing twice.
        candidates: In the order of their offsets.

    Yields:
        A score strictly greater than the user's best, or the tombstone of a user who has one.
    """
    partition, *columns = candidates
    last = counted.get(partition, -1)
    for user, score, time, offset in zip(*columns, strict=True):
        if offset <= last:
            continue
        if score is None:
            if best.pop(user, None) is None:
                continue
        elif score > best.get(user, NO_SCORE):
            best[user] = score
        else:
            continue
        counted[partition] = offset
        yield user, score, time, offset


class TableMessage(Protocol):
    """A message of `high-scores`, as far as its origin goes."""

    def headers(self) -> Any:  # noqa: ANN401 - as confluent-kafka has it
        """Return its headers."""


def note_origins(counted: dict[int, int], topic_id: str, messages: Sequence[TableMessage]) -> None:
    """Note the last offset from each partition of `scores`; reads as few headers as possible.

    A header costs as much to read as the rest of a message. Each origin says how many partitions
    had reached the shard by then, so the search goes back from the last message until it has found
    that many: one header a batch where the topics are co-partitioned.

    Args:
        counted: Offset by partition of `scores`; raised to what is found.
        topic_id: Id of `scores`; origins of an earlier topic of that name are ignored.
        messages: A batch of the table, by offset; all batches must pass in their order.
    """
    found: dict[int, int] = {}
    sources = 0
    for message in reversed(messages):
        origin = _origin(message)
        if origin is None or origin.topic_id != topic_id:
            continue
        sources = sources if found else origin.sources
        found.setdefault(origin.partition, origin.offset)
        if len(found) == sources:
            break
    for partition, offset in found.items():
        counted[partition] = max(offset, counted.get(partition, -1))


def _origin(message: TableMessage) -> Origin | None:
    value = dict(message.headers() or ()).get(ORIGIN)
    return decode_origin(value) if isinstance(value, bytes) else None

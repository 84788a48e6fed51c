"""The fold of scores into bests, pure: what improves, and which scores were counted before."""

from collections.abc import Iterator, Sequence
from itertools import compress, repeat
from typing import Any, NamedTuple, Protocol

from dataflows.leaderboard import NO_SCORE
from dataflows.periods import LAST_TIME, NO_PERIOD, Calendar, Period
from dataflows.wire import ORIGIN, BadMessage, Origin, WithHeaders, decode_origin, header

REMOVED_USERS = 100_000  # of a shard, whose last tombstone is remembered

Improvement = tuple[str, bytes, int | None, int, int]
"""Period, user, the new best or None for a removal, and the time and offset of the score."""


class Candidates(NamedTuple):
    """Scores of one partition of `scores` that may improve one shard: columns, by offset.

    `streams` has the stream time at each score, `stream` that after the last message that is read,
    and `read` the offset of that message; all of them only where there are boards by period.
    """

    partition: int
    users: list[bytes]
    scores: list[int | None]  # None: a tombstone
    times: Sequence[int]
    offsets: list[int]
    streams: Sequence[int] = ()
    stream: int = 0
    read: int = -1


class Removal(NamedTuple):
    """The last tombstone of a user: the partition of `scores` that it came from, and its time."""

    partition: int
    time: int


class Counted(NamedTuple):
    """What the topic of a board says of the scores that a shard has folded.

    `until` has the offset of the last improvement from each partition of `scores`: everything up to
    it was folded before. It is kept for each topic: after a crash one may have a score's message
    and another not.
    """

    until: dict[int, int]
    removed: dict[bytes, Removal]


class AllTime:
    """The best of each user of a shard.

    A user has one partition of `scores`, and counts in its order. Where producers with different
    partitioners spread a user over several, no order is given between them: then a tombstone
    removes the scores of other partitions that are no younger than itself, whichever is read first,
    so that a replay brings nobody back.
    """

    def __init__(self, best: dict[bytes, int], counted: Counted) -> None:
        self._best = best
        self.counted = counted

    def improvements(self, candidates: Candidates) -> Iterator[Improvement]:
        """Fold candidates, and return the improvements, in the order of their offsets.

        An improvement is a score strictly greater than the user's best, or the tombstone of a user
        who has one. A replay of what was counted is none.
        """
        best, (until, removed) = self._best, self.counted
        partition, users, scores, times, offsets = candidates[:5]
        last, best_of = until.get(partition, -1), best.get
        improves: list[bool] = []
        for user, score, time, offset in zip(users, scores, times, offsets, strict=True):
            is_better = False
            if offset <= last:
                pass  # it was counted
            elif score is None:
                note_removal(removed, user, Removal(partition, time))
                is_better = best.pop(user, None) is not None
            elif score > best_of(user, NO_SCORE) and not (
                removed and user in removed and _precedes(partition, time, removed[user])
            ):
                best[user] = score
                is_better = True
            improves.append(is_better)
        improved = list(compress(offsets, improves))
        if improved:
            until[partition] = improved[-1]
        columns = (compress(column, improves) for column in (users, scores, times))
        return zip(repeat(""), *columns, improved)


class ByPeriod:
    """The best of each user of a shard in each open period of a board.

    A score counts in the period of its own time, while that is open by the stream time of its
    partition. A tombstone removes its user from every open period.

    Args:
        board: Its name.
        calendar: The periods.
        tables: The table of each period, by its name; shared with the other boards of the shard.
        counted: What the topic of the board has.
        sources: The partitions of `scores`.
    """

    def __init__(
        self,
        board: str,
        calendar: Calendar,
        tables: dict[str, dict[bytes, int]],
        counted: Counted,
        *,
        sources: int,
    ) -> None:
        self._calendar = calendar
        self._index = calendar.boards.index(board)
        self._tables = tables
        periods = filter(None, (calendar.find(board, name) for name in tables))
        self._closes_at = {period.name: period.closes_at for period in periods}
        self._sources = sources
        # The restored tables include these offsets: an earlier stream time must not close anything.
        self._replayed = dict(counted.until)
        self._streams: dict[int, int] = {}
        self.counted = counted

    def improvements(self, candidates: Candidates) -> Iterator[Improvement]:
        """Fold candidates as `AllTime` does, one by one as they are asked for.

        A tombstone yields as many as there are open periods with its user. After a crash some of
        them may be missing: so it is folded again although its offset is counted.
        """
        until, removed = self.counted
        partition, *columns, stream_now, read = candidates
        last, period, table = until.get(partition, -1), NO_PERIOD, dict[bytes, int]()
        for user, score, time, offset, stream in zip(*columns, strict=True):
            if offset < last or (offset == last and score is not None):
                continue
            if score is None:
                note_removal(removed, user, Removal(partition, time))
                for name in self._remove(user, stream):
                    until[partition] = offset
                    yield name, user, None, time, offset
                continue
            if not period.start <= time < period.end:
                period, table = self._open(time)
            if stream >= period.closes_at or score <= table.get(user, NO_SCORE):
                continue
            if user in removed and _precedes(partition, time, removed[user]):
                continue
            table[user] = score
            until[partition] = offset
            yield period.name, user, score, time, offset
        if read >= self._replayed.get(partition, -1):
            self._note_stream(partition, stream_now)

    def _open(self, time: int) -> tuple[Period, dict[bytes, int]]:
        """Return the period of a time and its table; a time beyond the calendar is in none."""
        if time >= LAST_TIME:
            return NO_PERIOD, {}
        period = self._calendar.periods(time)[self._index]
        self._closes_at.setdefault(period.name, period.closes_at)
        return period, self._tables.setdefault(period.name, {})

    def _remove(self, user: bytes, stream: int) -> list[str]:
        return [
            name
            for name, closes_at in self._closes_at.items()
            if closes_at > stream and self._tables[name].pop(user, None) is not None
        ]

    def _note_stream(self, partition: int, stream: int) -> None:
        """Drop the tables of periods that are closed for every partition that has scores."""
        if self._streams.get(partition) == stream:
            return
        self._streams[partition] = stream
        oldest = min(filter(None, self._streams.values()), default=0)
        if len(self._streams) == self._sources:
            for name in [name for name, at in self._closes_at.items() if at <= oldest]:
                del self._closes_at[name], self._tables[name]


class Shard(NamedTuple):
    """The boards of one shard, and their tables: by the name of the period, "" for all time.

    Scores up to the offset `replayed` of a partition were folded before, on some board at least.
    """

    tables: dict[str, dict[bytes, int]]
    boards: list[AllTime | ByPeriod]
    replayed: dict[int, int]


def note_removal(removed: dict[bytes, Removal], user: bytes, removal: Removal) -> None:
    """Note a tombstone; of the last 100,000 users that were removed."""
    removed.pop(user, None)  # so that it becomes the last
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
        has_periods: The keys of the table are `period/user`.
    """

    def __init__(self, topic_id: str, *, has_periods: bool = False) -> None:
        self._topic_id = topic_id
        self._has_periods = has_periods
        self.last: dict[int, LastOrigin] = {}
        self.unreadable = 0  # headers
        self.first_unreadable: Any = None  # its message, as it came

    def note(self, messages: Sequence[TableMessage]) -> None:
        """Note a batch of the table, by offset; all batches must pass in their order."""
        found: dict[int, LastOrigin] = {}
        sources = 0
        for message in reversed(messages):
            origin = self.of(message)
            if origin is None:
                continue
            sources = sources if found else origin.sources
            time, key = message.timestamp()[1], message.key()
            user = key.partition(b"/")[2] if self._has_periods else key
            found.setdefault(origin.partition, LastOrigin(origin.offset, user, time))
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
            self.first_unreadable = self.first_unreadable if self.unreadable else message
            self.unreadable += 1
            return None
        return origin if origin is not None and origin.topic_id == self._topic_id else None

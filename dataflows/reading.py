"""The step that reads scores: decodes a batch at once and keeps what may improve, by shard.

It is where most scores end, so it works in columns: no Python call for a score that cannot improve.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import compress, repeat
from operator import gt
from typing import Any

from confluent_kafka import Message

from dataflows.kafka import Broker, part_name
from dataflows.leaderboard import EARLIEST, NO_SCORE, Bests, Candidates
from dataflows.messages import (
    BadMessage,
    Rejected,
    check_user,
    decode_each,
    decode_scores,
)
from dataflows.partitioner import partition_of
from dataflows.scores import Batch

SEEN_USERS = 500_000  # of other processes' shards, whose best score sent is remembered
KNOWN_SHARDS = 200_000  # users whose shard is remembered

Users = list[bytes | None]
Score = int | BadMessage | None
Item = tuple[str, Candidates | Rejected]


class Reader:
    """Turns a batch into an item for each shard, and one for each message that cannot be read.

    A score that does not beat what the shards of this process hold ends here. What they hold lags
    behind by what is under way, which lets more pass, never less. Only a tombstone under way makes
    it too high: its user passes unseen until the end of the epoch, when the tombstone has arrived.
    """

    def __init__(self, broker: Broker, bests: Bests) -> None:
        self._broker = broker
        self._bests = bests
        self._form = broker.settings.topics.scores.format
        self._seen: dict[bytes, int] = {}
        self._removed: dict[int, tuple[int, set[bytes]]] = {}
        self._shard_of = lru_cache(KNOWN_SHARDS)(self._find_shard)

    def __call__(self, batch: Batch) -> Iterator[Item]:
        """Read a batch; candidates keep the order of their offsets."""
        removed = self._removed_in(batch)
        users: Users = list(map(Message.key, batch.messages))
        values = list(map(Message.value, batch.messages))
        scores = decode_scores(values, self._form)
        chunks = None if scores is None or removed else self._pick(batch, users, scores)
        if chunks is None:
            each: Iterable[Score] = scores or decode_each(values, self._form)
            return self._read_each(batch, zip(users, each, batch.messages, strict=True), removed)
        return ((part_name(shard), chunk) for shard, chunk in chunks if chunk.users)

    def _pick(
        self, batch: Batch, users: Users, scores: list[int]
    ) -> list[tuple[int, Candidates]] | None:
        """Pick in columns what may improve, or give None where a user cannot be read."""
        best: Callable[[bytes | None, int], int] = self._bests.scores.get  # type: ignore[assignment]
        better = list(map(gt, scores, map(best, users, repeat(NO_SCORE))))
        picked = list(compress(users, better))
        try:
            shards = list(map(self._shard_of, picked))
        except BadMessage:
            return None
        messages = list(compress(batch.messages, better))
        times = [max(time, EARLIEST) for _, time in map(Message.timestamp, messages)]
        offsets = list(map(Message.offset, messages))
        columns = (picked, list(compress(scores, better)), times, offsets)
        candidates = Candidates(batch.partition, *columns)  # type: ignore[arg-type]
        return [(shard, self._sift(shard, chunk)) for shard, chunk in _divide(candidates, shards)]

    def _sift(self, shard: int, candidates: Candidates) -> Candidates:
        """Drop what does not beat what a shard of another process was sent before."""
        if shard in self._bests.shards:
            return candidates
        kept = map(self._is_news, candidates.users, candidates.scores)  # type: ignore[arg-type]
        return _compress(candidates, kept)

    def _is_news(self, user: bytes, score: int) -> bool:
        if score <= self._seen.get(user, NO_SCORE):
            return False
        self._seen[user] = score
        return True

    def _read_each(
        self,
        batch: Batch,
        scores: Iterable[tuple[bytes | None, Score, Message]],
        removed: set[bytes],
    ) -> Iterator[Item]:
        """Look at each score: some cannot be read, are tombstones, or come after one."""
        chunks: dict[int, Candidates] = {}
        for key, score, message in scores:
            try:
                user = check_user(key, self._broker.settings.user_max_bytes)
            except BadMessage as reason:
                yield _rejected(batch.partition, message, str(reason))
                continue
            if isinstance(score, BadMessage):  # not raised: its frames would hold the batch
                yield _rejected(batch.partition, message, str(score))
            elif self._may_improve(user, score, removed):
                fresh = Candidates(batch.partition, [], [], [], [])
                _add(chunks.setdefault(self._shard_of(user), fresh), user, score, message)
        yield from ((part_name(shard), chunk) for shard, chunk in chunks.items())

    def _removed_in(self, batch: Batch) -> set[bytes]:
        """Give the users of this partition with a tombstone under way: since the epoch began."""
        if len(self._seen) > SEEN_USERS:
            self._seen.clear()
        epoch, removed = self._removed.get(batch.partition, (-1, set()))
        if epoch != batch.epoch:
            removed = set()
            self._removed[batch.partition] = (batch.epoch, removed)
        return removed

    def _find_shard(self, key: bytes | None) -> int:
        user = check_user(key, self._broker.settings.user_max_bytes)
        return partition_of(user, self._broker.topic("high_scores").partitions)

    def _may_improve(self, user: bytes, score: int | None, removed: set[bytes]) -> bool:
        if score is None:
            removed.add(user)
            self._seen.pop(user, None)
            return True
        if user in removed:
            return True
        if score <= self._bests.scores.get(user, NO_SCORE):
            return False
        return self._shard_of(user) in self._bests.shards or self._is_news(user, score)


def _divide(candidates: Candidates, shards: list[int]) -> list[tuple[int, Candidates]]:
    """Give each shard its own, in their order."""
    found = set(shards)
    if len(found) == 1:  # a user has the same partition in both topics
        return [(shards[0], candidates)]
    return [(shard, _compress(candidates, map(shard.__eq__, shards))) for shard in found]


def _compress(candidates: Candidates, kept: Iterable[bool]) -> Candidates:
    chosen = list(kept)
    columns: Iterable[list[Any]] = candidates[1:]
    return Candidates(candidates.partition, *(list(compress(each, chosen)) for each in columns))


def _add(chunk: Candidates, user: bytes, score: int | None, message: Message) -> None:
    chunk.users.append(user)
    chunk.scores.append(score)
    chunk.times.append(max(message.timestamp()[1], EARLIEST))
    chunk.offsets.append(message.offset())  # type: ignore[arg-type]  # it was consumed


def _rejected(partition: int, message: Message, reason: str) -> Item:
    rejected = Rejected(
        message.key(),
        message.value(),
        reason,
        partition,
        message.offset() or 0,
        message.timestamp()[1],
    )
    return part_name(partition), rejected

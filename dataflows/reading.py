"""The step that reads scores: decodes a batch at once and keeps what may improve, by shard.

It is where most scores end, so it works in columns: no Python call for a score that cannot improve.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import compress, count, repeat
from operator import gt

from confluent_kafka import Message

from dataflows.kafka import Broker, part_name
from dataflows.leaderboard import EARLIEST, NO_SCORE, Bests, Candidates
from dataflows.messages import (
    BadMessage,
    Rejected,
    check_user,
    decode_each,
    decode_scores,
    partition_of,
)
from dataflows.scores import Batch

SEEN_USERS = 500_000  # of other processes' shards, whose best score sent is remembered
KNOWN_SHARDS = 200_000  # users whose shard is remembered

Users = list[bytes | None]
Scores = list[int | BadMessage | None] | list[int]
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
        scores, indexes = self._decode(batch, users, hasty=not removed)
        chunks: dict[int, Candidates] = {}
        sent: dict[bytes, int] = {}
        for index in indexes:
            message, score = batch.messages[index], scores[index]
            try:
                user, shard = self._shard_of(users[index])
            except BadMessage as reason:
                yield _rejected(batch.partition, message, str(reason))
                continue
            if isinstance(score, BadMessage):  # not raised: its frames would hold the batch
                yield _rejected(batch.partition, message, str(score))
                continue
            known = sent if shard in self._bests.shards else self._seen
            if self._may_improve(user, score, removed, known):
                _add(chunks, shard, batch.partition, (user, score, message))
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

    def _decode(self, batch: Batch, users: Users, *, hasty: bool) -> tuple[Scores, Iterable[int]]:
        """Decode the scores, and tell which of them to look at."""
        values = list(map(Message.value, batch.messages))
        scores = decode_scores(values, self._form)
        if scores is None:
            return decode_each(values, self._form), range(len(users))
        if not hasty:
            return scores, range(len(users))
        held: Iterable[int] = map(self._bests.scores.get, users, repeat(NO_SCORE))  # type: ignore[arg-type]
        return scores, compress(count(), map(gt, scores, held))

    def _find_shard(self, key: bytes | None) -> tuple[bytes, int]:
        user = check_user(key, self._broker.settings.user_max_bytes)
        return user, partition_of(user, self._broker.topic("high_scores").partitions)

    def _may_improve(
        self, user: bytes, score: int | None, removed: set[bytes], known: dict[bytes, int]
    ) -> bool:
        if score is None:
            removed.add(user)
            self._seen.pop(user, None)
            return True
        if user in removed:
            return True
        held = self._bests.scores.get(user, NO_SCORE)
        if score <= held or score <= known.get(user, NO_SCORE):
            return False
        known[user] = score
        return True


def _add(
    chunks: dict[int, Candidates],
    shard: int,
    partition: int,
    candidate: tuple[bytes, int | None, Message],
) -> None:
    user, score, message = candidate
    chunk = chunks.get(shard)
    if chunk is None:
        chunk = chunks[shard] = Candidates(partition, [], [], [], [])
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

"""The step that drops scores which cannot improve, a batch at a time.

Most scores end here. So the filter works on columns: a dropped score costs no Python call. `nested`
chooses the tables that a score is compared with.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import compress
from operator import not_
from typing import Any

from confluent_kafka import Message

from dataflows.context import FlowContext, partition_name
from dataflows.highscores.fold import Candidates, Shard
from dataflows.highscores.nested import AllTimeRule, NestedRule, Scores
from dataflows.highscores.source import ScoresBatch
from dataflows.highscores.spread import SpreadCheck
from dataflows.kafka.partitioner import choose, murmur2
from dataflows.wire import BadMessage, Rejected, are_users, check_user, score_codec

Item = tuple[str, Candidates | Rejected]


class CandidateFilter:
    """Turns a batch into an item for each shard, and one for each message that cannot be read.

    A score passes where it beats the user's best in the tables of its shard. The tables lag behind
    by what is on its way to them, which lets more pass, never less. A tombstone on its way is the
    exception: all scores of its user pass until the epoch is over and the tombstone has arrived.

    All scores of a shard of another process pass. What was sent there says nothing: a tombstone may
    have come since, from a partition that yet another process reads. Where the topics are
    co-partitioned, as with murmur2, no score belongs to such a shard.

    Args:
        context: Of the process.
        shards: Those of this process that are restored.
        rule: Which tables a score is compared with.
    """

    def __init__(
        self, context: FlowContext, shards: dict[int, Shard], rule: AllTimeRule | NestedRule
    ) -> None:
        self._context = context
        self._shards = shards
        self._rule = rule
        self._sign = context.settings.sign
        topic = context.settings.topics.scores
        self._codec = score_codec(topic.plain_format or "json", topic.field)
        self._user_max_bytes = context.settings.user_max_bytes
        self._spread = SpreadCheck()
        self._removed: dict[int, tuple[int, set[bytes]]] = {}  # by partition: epoch, users

    def __call__(self, batch: ScoresBatch) -> Iterator[Item]:
        """Filter a batch; the candidates of a shard keep the order of their offsets."""
        if not batch.messages:
            yield from self._open_shards(batch.partition)
            return
        rejected: list[tuple[Message, BadMessage]] = []
        scores = self._decode(batch, rejected)
        read = batch.messages[-1].offset() or 0
        scores, is_closed = self._rule.advance(batch.partition, scores, read)
        removed = self._removed_by(batch, scores)
        own_number = batch.partition % self._table_partitions
        own = self._shards.get(own_number) or Shard({}, [], {})
        scores = scores.select(self._rule.may_improve(own, batch.partition, scores, removed))
        strangers = list(map(not_, map(own.tables.get("", {}).__contains__, scores.users)))
        if any(strangers):
            scores, strangers = self._check_users(scores, strangers, rejected)
        yield from (_reject(batch.partition, *each) for each in rejected)
        numbers = self._shards_of(batch.partition, scores.users, strangers)
        for number, group in _group(scores, numbers):
            is_own = number == own_number
            chosen = group if is_own else self._sift(number, batch.partition, group, removed)
            if chosen.users:
                yield partition_name(number), self._candidates(batch.partition, chosen)
        if is_closed:
            yield from self._tell_all(batch.partition)

    @property
    def _table_partitions(self) -> int:
        return self._context.topic("high_scores").partitions

    def _open_shards(self, partition: int) -> Iterator[Item]:
        """Let every shard be restored at the start, not when its first score arrives."""
        if self._rule.has_periods:
            yield from self._tell_all(partition)
            return
        sources = self._context.topic("scores").partitions
        for number in range(partition, self._table_partitions, sources):
            yield partition_name(number), self._candidates(partition, Scores([], [], []))

    def _tell_all(self, partition: int) -> Iterator[Item]:
        """Let every shard know the stream time of a partition: it decides what may be dropped."""
        for number in range(self._table_partitions):
            yield partition_name(number), self._candidates(partition, Scores([], [], []))

    def _candidates(self, partition: int, scores: Scores) -> Candidates:
        offsets: list[Any] = list(map(Message.offset, scores.messages))
        columns = scores.users, scores.scores, scores.made(), offsets, scores.streams
        return Candidates(partition, *columns, *self._rule.state(partition))

    def _decode(self, batch: ScoresBatch, rejected: list[tuple[Message, BadMessage]]) -> Scores:
        messages = batch.messages
        each: Any = batch.scores
        users: list[Any] = list(map(Message.key, messages))
        if each is None:
            values = list(map(Message.value, messages))
            scores = self._codec.decode_all(values)
            if scores is not None:
                return Scores(users, self._signed(scores), messages)
            each = self._codec.decode_each(values)
        bad = [isinstance(score, BadMessage) for score in each]
        rejected += zip(compress(messages, bad), compress(each, bad), strict=True)
        found = Scores(users, each, messages).select(map(not_, bad))
        return found._replace(scores=self._signed(found.scores))

    def _signed(self, scores: Iterable[int | None]) -> list[int | None]:
        if self._sign > 0:
            return scores if isinstance(scores, list) else list(scores)
        return [score and -score for score in scores]

    def _removed_by(self, batch: ScoresBatch, scores: Scores) -> set[bytes]:
        """Return the users of this partition with a tombstone since the epoch began."""
        epoch, removed = self._removed.get(batch.partition, (-1, set()))
        if epoch != batch.epoch:
            removed = set()
            self._removed[batch.partition] = (batch.epoch, removed)
        if None in scores.scores:
            removed.update(compress(scores.users, (score is None for score in scores.scores)))
        return removed

    def _check_users(
        self,
        scores: Scores,
        strangers: list[bool],
        rejected: list[tuple[Message, BadMessage]],
    ) -> tuple[Scores, list[bool]]:
        """Reject messages whose key is no user: users in the table are valid already."""
        if are_users(list(compress(scores.users, strangers)), self._user_max_bytes):
            return scores, strangers
        good = [True] * len(strangers)
        for index in compress(range(len(strangers)), strangers):
            try:
                check_user(scores.users[index], self._user_max_bytes)
            except BadMessage as error:
                good[index] = False
                rejected.append((scores.messages[index], BadMessage(*error.args)))
        if all(good):
            return scores, strangers
        return scores.select(good), list(compress(strangers, good))

    def _shards_of(self, partition: int, users: list[bytes], strangers: list[bool]) -> list[int]:
        """Return the shard of each user; a user in the table of the own shard needs no hash."""
        sources, tables = self._context.topic("scores").partitions, self._table_partitions
        names = list(compress(users, strangers))
        hashes = list(murmur2(names))
        away = list(compress(names, map(partition.__ne__, choose(hashes, sources))))
        self._spread.note(partition, users, away)
        own = partition % tables
        if not away and sources % tables == 0:
            return [own] * len(users)
        shards = dict(zip(names, choose(hashes, tables), strict=True))
        return [shards.get(user, own) for user in users]

    def _sift(self, number: int, partition: int, scores: Scores, removed: set[bytes]) -> Scores:
        """Drop what does not beat the tables of another shard, where they are in this process."""
        shard = self._shards.get(number)
        if shard is None:
            return scores
        return scores.select(self._rule.may_improve(shard, partition, scores, removed))


def _group(scores: Scores, shards: list[int]) -> Iterable[tuple[int, Scores]]:
    if len(set(shards)) == 1:  # always, where both topics are partitioned alike
        return [(shards[0], scores)]
    indexes: dict[int, list[int]] = defaultdict(list)
    for index, shard in enumerate(shards):
        indexes[shard].append(index)
    return [(shard, scores.pick(chosen)) for shard, chosen in indexes.items()]


def _reject(partition: int, message: Message, reason: BadMessage) -> Item:
    rejected = Rejected(
        message.key(),
        message.value(),
        str(reason),
        partition,
        message.offset() or 0,
        message.timestamp()[1],
    )
    return partition_name(partition), rejected

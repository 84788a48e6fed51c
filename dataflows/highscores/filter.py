"""The step that drops scores which cannot improve, a batch at a time.

Most scores end here. So the filter works on columns: a dropped score costs no Python call.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import compress, repeat
from operator import gt, not_
from typing import Any, NamedTuple

from confluent_kafka import Message

from dataflows.context import FlowContext, partition_name
from dataflows.highscores.fold import Candidates
from dataflows.highscores.source import ScoresBatch
from dataflows.highscores.spread import SpreadCheck
from dataflows.kafka.partitioner import choose, murmur2
from dataflows.leaderboard import EARLIEST, NO_SCORE
from dataflows.wire import BadMessage, Rejected, check_user, decode_each, decode_scores

SENT_USERS = 500_000  # of shards of other processes, whose last score sent is remembered

Item = tuple[str, Candidates | Rejected]


class _Scores(NamedTuple):
    """Readable scores of a batch: columns, by offset."""

    users: list[bytes]
    scores: list[int | None]  # None: a tombstone
    messages: list[Message]

    def select(self, selectors: Iterable[object]) -> "_Scores":
        chosen = list(selectors)
        columns: Iterable[list[Any]] = self
        return _Scores(*(list(compress(column, chosen)) for column in columns))


class CandidateFilter:
    """Turns a batch into an item for each shard, and one for each message that cannot be read.

    A score passes where it beats the user's best in the table of its shard, or what was last sent
    to a shard of another process. The tables lag behind by what is on its way to them, which lets
    more pass, never less. A tombstone on its way is the exception: all scores of its user pass
    until the epoch is over and the tombstone has arrived.
    """

    def __init__(self, context: FlowContext, bests: dict[int, dict[bytes, int]]) -> None:
        self._context = context
        self._bests = bests
        self._format = context.settings.topics.scores.format
        self._user_max_bytes = context.settings.user_max_bytes
        self._spread = SpreadCheck()
        self._sent: dict[bytes, int] = {}
        self._removed: dict[int, tuple[int, set[bytes]]] = {}  # by partition: epoch, users

    def __call__(self, batch: ScoresBatch) -> Iterator[Item]:
        """Filter a batch; the candidates of a shard keep the order of their offsets."""
        if not batch.messages:
            yield from self._open_shards(batch.partition)
            return
        rejected: list[tuple[Message, BadMessage]] = []
        scores = self._decode(batch.messages, rejected)
        removed = self._removed_by(batch, scores)
        own_shard = batch.partition % self._shards
        own_table = self._bests.get(own_shard, {})
        scores = scores.select(_may_improve(own_table, scores, removed))
        strangers = list(map(not_, map(own_table.__contains__, scores.users)))
        if any(strangers):
            scores, strangers = self._check_users(scores, strangers, rejected)
        yield from (_reject(batch.partition, *each) for each in rejected)
        shards = self._shards_of(batch.partition, scores.users, strangers)
        for shard, group in _group(scores, shards):
            chosen = group if shard == own_shard else self._sift(shard, group, removed)
            if chosen.users:
                yield partition_name(shard), _candidates(batch.partition, chosen)

    @property
    def _shards(self) -> int:
        return self._context.topic("high_scores").partitions

    def _open_shards(self, partition: int) -> Iterator[Item]:
        """Let every shard be restored at the start, not when its first score arrives."""
        for shard in range(partition, self._shards, self._context.topic("scores").partitions):
            yield partition_name(shard), Candidates(partition, [], [], [], [])

    def _decode(
        self, messages: list[Message], rejected: list[tuple[Message, BadMessage]]
    ) -> _Scores:
        users: list[Any] = list(map(Message.key, messages))
        values = list(map(Message.value, messages))
        scores = decode_scores(values, self._format)
        if scores is not None:
            return _Scores(users, scores, messages)  # type: ignore[arg-type]  # no None among them
        each: list[Any] = decode_each(values, self._format)
        bad = [isinstance(score, BadMessage) for score in each]
        rejected += zip(compress(messages, bad), compress(each, bad), strict=True)
        return _Scores(users, each, messages).select(map(not_, bad))

    def _removed_by(self, batch: ScoresBatch, scores: _Scores) -> set[bytes]:
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
        scores: _Scores,
        strangers: list[bool],
        rejected: list[tuple[Message, BadMessage]],
    ) -> tuple[_Scores, list[bool]]:
        """Reject messages whose key is no user: users in the table are valid already."""
        good = [True] * len(strangers)
        for place in compress(range(len(strangers)), strangers):
            try:
                check_user(scores.users[place], self._user_max_bytes)
            except BadMessage as error:
                good[place] = False
                rejected.append((scores.messages[place], BadMessage(*error.args)))
        if all(good):
            return scores, strangers
        return scores.select(good), list(compress(strangers, good))

    def _shards_of(self, partition: int, users: list[bytes], strangers: list[bool]) -> list[int]:
        """Return the shard of each user; a user in the table of the own shard needs no hash."""
        shards = [partition % self._shards] * len(users)
        unknown = list(compress(range(len(users)), strangers))
        names = [users[place] for place in unknown]
        hashes = list(murmur2(names))
        homes = choose(hashes, self._context.topic("scores").partitions)
        self._spread.note(partition, users, list(compress(names, map(partition.__ne__, homes))))
        for place, shard in zip(unknown, choose(hashes, self._shards), strict=True):
            shards[place] = shard
        return shards

    def _sift(self, shard: int, scores: _Scores, removed: set[bytes]) -> _Scores:
        """Drop what does not beat another shard's table, or a score sent to another process."""
        table = self._bests.get(shard, self._sent)
        scores = scores.select(_may_improve(table, scores, removed))
        if table is self._sent:
            self._note_sent(scores)
        return scores

    def _note_sent(self, scores: _Scores) -> None:
        for user, score in zip(scores.users, scores.scores, strict=True):
            if score is None:
                self._sent.pop(user, None)
            else:
                self._sent[user] = score
        if len(self._sent) > SENT_USERS:
            self._sent.clear()


def _may_improve(table: dict[bytes, int], scores: _Scores, removed: set[bytes]) -> list[bool]:
    bests = map(table.get, scores.users, repeat(NO_SCORE))
    if not removed:
        return list(map(gt, scores.scores, bests))  # type: ignore[arg-type]  # no None is there
    return [
        score is None or user in removed or score > best
        for user, score, best in zip(scores.users, scores.scores, bests, strict=True)
    ]


def _group(scores: _Scores, shards: list[int]) -> Iterable[tuple[int, _Scores]]:
    if len(set(shards)) == 1:  # always, where both topics are partitioned alike
        return [(shards[0], scores)]
    places: dict[int, list[int]] = defaultdict(list)
    for place, shard in enumerate(shards):
        places[shard].append(place)
    columns: Iterable[list[Any]] = scores
    return [
        (shard, _Scores(*([column[place] for place in chosen] for column in columns)))
        for shard, chosen in places.items()
    ]


def _candidates(partition: int, scores: _Scores) -> Candidates:
    times = [max(time, EARLIEST) for _, time in map(Message.timestamp, scores.messages)]
    offsets: list[Any] = list(map(Message.offset, scores.messages))
    return Candidates(partition, scores.users, scores.scores, times, offsets)


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

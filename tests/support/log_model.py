"""Both flows without Kafka: their pure parts over lists of messages, a step at a time."""

from collections import defaultdict
from itertools import product
from types import SimpleNamespace
from typing import Any, cast

from confluent_kafka import Message

from conf.settings import Top5
from dataflows.highscores.filter import CandidateFilter
from dataflows.highscores.fold import AllTime, Candidates, Counted, Origins, Shard
from dataflows.highscores.nested import AllTimeRule
from dataflows.highscores.source import ScoresBatch
from dataflows.pace import Deadlines
from dataflows.top5.board import date
from dataflows.top5.source import TableBatch
from dataflows.top5.steps import PaceBoards, RankTables
from dataflows.wire import (
    ORIGIN,
    POSITIONS,
    Origin,
    decode_board,
    encode_board,
    encode_origin,
    encode_positions,
    score_codec,
)
from tests.support import oracle

PARTITIONS = 2  # of scores
SHARDS = 2
ALL = 10**6
ID = "now"  # of each topic

_JSON = SimpleNamespace(format="json", plain_format="json", field="score")
_TOPICS = SimpleNamespace(scores=_JSON, high_scores=_JSON)
_CONTEXT: Any = SimpleNamespace(
    settings=SimpleNamespace(
        topics=_TOPICS, user_max_bytes=16, top5=Top5(size=5, updates_per_second=0), sign=1
    ),
    topic=lambda kind: SimpleNamespace(
        name=kind, partitions=PARTITIONS if kind == "scores" else SHARDS
    ),
)


class Logs(dict[str, list[list[Message]]]):
    """The partitions of each topic, by its kind: all that outlives a kill."""

    def __init__(self) -> None:
        counts = {"scores": PARTITIONS, "high_scores": SHARDS, "top_5": 1, "rejected": 1}
        super().__init__((kind, [[] for _ in range(count)]) for kind, count in counts.items())

    def append(self, kind: str, partition: int, message: tuple[Any, ...]) -> None:
        """Add a key, a value, a time and, if it has one, a header."""
        key, value, time, *headers = message
        log = self[kind][partition]
        log.append(Message(kind, partition, len(log), key, value, headers, timestamp=(1, time)))

    def read(self, kind: str) -> list[oracle.Seen]:
        """Return a topic in the form that the oracle reads."""
        return [_seen(message) for log in self[kind] for message in log]


def _seen(message: Any) -> oracle.Seen:
    place = message.partition(), message.offset()
    time = message.timestamp()[1]
    return oracle.Seen(*place, message.key(), message.value(), time, dict(message.headers()))


class Highscores:
    """The memory of processes of highscores; what is under way is late, by source and shard."""

    def __init__(self, logs: Logs, positions: list[int], processes: int) -> None:
        self.positions = positions
        self._logs = logs
        self._restored: list[dict[int, Shard]] = [{} for _ in range(processes)]
        self._filters = [CandidateFilter(_CONTEXT, each, AllTimeRule()) for each in self._restored]
        self._epoch = 0
        self._under_way: dict[tuple[int, int], list[Candidates]] = defaultdict(list)
        self._shards: dict[int, Shard] = {}  # that are restored
        self._unsent: list[list[tuple[Any, ...]]] = [[] for _ in range(SHARDS)]

    def read(self, partition: int, count: int) -> None:
        """Read a batch of scores."""
        batch = self._logs["scores"][partition][self.positions[partition] :][:count]
        self.positions[partition] += len(batch)
        step = self._filters[partition % len(self._filters)]
        for name, item in step(ScoresBatch(partition, self._epoch, batch)):
            self._under_way[partition, int(name)].append(cast("Candidates", item))

    def restore(self, shard: int) -> None:
        """Restore a shard, once."""
        if shard in self._shards:
            return
        log, table, origins = self._logs["high_scores"][shard], dict[bytes, int](), Origins(ID)
        for begin in range(0, len(log), 2):
            origins.note(log[begin : begin + 2])
        counted = {partition: last.offset for partition, last in origins.last.items()}
        for _, _, key, value, *_ in map(_seen, log):
            table.pop(key or b"", None)
            table |= {} if value is None else {key or b"": int(value)}
        restored = Shard({"": table}, [AllTime(table, Counted(counted, {}))], {})
        self._shards[shard] = self._restored[shard % len(self._restored)][shard] = restored

    def fold(self, partition: int, shard: int, arriving: int, delivered: int) -> None:
        """Deliver some chunks of a partition, and append some messages to the log."""
        self.restore(shard)
        under_way, unsent = self._under_way[partition, shard], self._unsent[shard]
        for candidates in under_way[:arriving]:
            unsent += self._improve(shard, candidates)
        for message in unsent[:delivered]:
            self._logs.append("high_scores", shard, message)
        del under_way[:arriving], unsent[:delivered]

    def _improve(self, shard: int, candidates: Candidates) -> list[tuple[Any, ...]]:
        found = []
        (held,) = self._shards[shard].boards
        for _, user, score, time, offset in held.improvements(candidates):
            value = None if score is None else score_codec("json").encode(score)
            origin = Origin(ID, candidates.partition, offset, len(held.counted.until))
            found.append((user, value, time, (ORIGIN, encode_origin(origin))))
        return found

    def end_epoch(self) -> None:
        """Bring all that was read into the log."""
        for partition, shard in product(range(PARTITIONS), range(SHARDS)):
            self.fold(partition, shard, ALL, ALL)
        self._epoch += 1


class Board:
    """The memory of processes of top5, and what they publish."""

    def __init__(self, logs: Logs, processes: int) -> None:
        self._logs = logs
        nothing: Any = None  # of periods
        self._tables = [RankTables(_CONTEXT, nothing, nothing) for _ in range(processes)]
        self._logic = PaceBoards(_CONTEXT.settings, nothing, nothing, Deadlines())
        self._ends = [len(log) for log in logs["high_scores"]]
        self._positions = [0] * SHARDS
        boards = logs.read("top_5")
        self._last = decode_board(boards[-1].value or b"") if boards else None

    def follow(self, counts: list[int], *, is_due: bool) -> None:
        """Read some messages of each shard, and publish the boards that are due."""
        tops = [top for shard, count in enumerate(counts) for top in self._look(shard, count)]
        given = self._logic.on_batch(tops)[0] if tops else []
        for board, removals, positions in given + (self._logic.on_eof()[0] if is_due else []):
            successor = date(board, self._last, removals)
            if successor != self._last:
                self._last = successor
                header = POSITIONS, encode_positions(ID, positions)
                self._logs.append("top_5", 0, (b"all-time", encode_board(successor), 1, header))

    def _look(self, shard: int, count: int) -> list[Any]:
        found = self._logs["high_scores"][shard][self._positions[shard] :][:count]
        self._positions[shard] += len(found)
        is_caught_up = self._positions[shard] >= self._ends[shard]
        if not found and not is_caught_up:
            return []
        batch = TableBatch("all-time", shard, SHARDS, found, self._positions[shard], is_caught_up)
        return [top for _, top in self._tables[shard % len(self._tables)](batch)]

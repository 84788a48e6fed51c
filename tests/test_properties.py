"""All pure parts together: whatever is cut, late, moved, killed or read again, the log is right."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any, cast

from confluent_kafka import Message
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from conf.settings import Top5
from dataflows.leaderboard import Bests, Candidates, improvements, succeed
from dataflows.messages import (
    ORIGIN,
    POSITIONS,
    Origin,
    decode_board,
    encode_board,
    encode_origin,
    encode_positions,
    encode_score,
)
from dataflows.origins import note_origins
from dataflows.reading import Reader
from dataflows.scores import Batch
from dataflows.standings import BoardLogic, ShardTop, Standings
from dataflows.tables import Tail
from tests import oracle

PARTITIONS = 2  # of scores
SHARDS = 3
ALL = 10**6
FORMAT = SimpleNamespace(topics=SimpleNamespace(scores=SimpleNamespace(format="json")))
BROKER: Any = SimpleNamespace(
    settings=SimpleNamespace(**vars(FORMAT), user_max_bytes=16),
    topic=lambda _kind: SimpleNamespace(partitions=SHARDS),
)

partitions = st.integers(0, PARTITIONS - 1)
shards = st.integers(0, SHARDS - 1)
processes = st.integers(1, 3)
counts = st.integers(1, 5)
values = st.one_of(st.none(), *[st.integers(-2, 5).map(lambda score: b"%d" % score)] * 3)
sent = st.tuples(st.sampled_from([b"%c" % each for each in b"abcdefg"]), values, st.integers(-1, 4))


class Highscores:
    """What the processes of a run of highscores hold in memory, all of it lost with a kill."""

    def __init__(self, count: int, positions: list[int]) -> None:
        self.bests = [Bests(scores={}, shards=set()) for _ in range(count)]
        self.readers = [Reader(BROKER, bests) for bests in self.bests]
        self.positions = positions
        self.epoch = 0
        self.under_way: dict[tuple[int, int], list[Candidates]] = defaultdict(list)
        self.counted: dict[int, dict[int, int]] = {}  # by shard, once it is restored
        self.unsent: list[list[dict[str, Any]]] = [[] for _ in range(SHARDS)]


class Pipeline(RuleBasedStateMachine):
    """Both flows beside their topics, and everything that may happen to them."""

    @initialize(count=processes)
    def start(self, count):
        self.logs: dict[str, list[list[Message]]] = {
            "scores": [[] for _ in range(PARTITIONS)],
            "high_scores": [[] for _ in range(SHARDS)],
            "top_5": [[]],
            "rejected": [],
        }
        self.committed = [0] * PARTITIONS
        self.run = Highscores(count, [0] * PARTITIONS)
        self.start_top5(count)

    @rule(messages=st.lists(sent, max_size=6))
    def send(self, messages):
        for user, value, time in messages:
            self._append("scores", user[0] % PARTITIONS, key=user, value=value, time=time)

    @rule(partition=partitions, count=counts)
    def read_scores(self, partition, count):
        begin = self.run.positions[partition]
        batch = self.logs["scores"][partition][begin : begin + count]
        self.run.positions[partition] += len(batch)
        reader = self.run.readers[partition % len(self.run.readers)]
        for name, item in reader(Batch(partition, self.run.epoch, batch)):
            self.run.under_way[partition, int(name)].append(cast("Candidates", item))

    @rule(shard=shards)
    def restore(self, shard):
        if shard in self.run.counted:
            return
        log, table, counted = self.logs["high_scores"][shard], dict[bytes, int](), dict[int, int]()
        for begin in range(0, len(log), 2):
            note_origins(counted, "now", log[begin : begin + 2])
        for message in log:
            table.pop(message.key() or b"", None)
            if message.value() is not None:
                table[message.key() or b""] = int(message.value() or b"")
        self.run.counted[shard] = counted
        self._bests(shard).scores.update(table)
        self._bests(shard).shards.add(shard)

    @rule(partition=partitions, shard=shards, count=counts)
    def fold(self, partition, shard, count):
        self.restore(shard)
        arrived = self.run.under_way[partition, shard][:count]
        del self.run.under_way[partition, shard][:count]
        counted = self.run.counted[shard]
        for candidates in arrived:
            for user, score, time, offset in improvements(
                self._bests(shard).scores, counted, candidates
            ):
                value = None if score is None else encode_score(score, "json")
                origin = encode_origin(Origin("now", partition, offset, len(counted)))
                message = {"key": user, "value": value, "time": time, "headers": {ORIGIN: origin}}
                self.run.unsent[shard].append(message)

    @rule(shard=shards, count=counts)
    def deliver(self, shard, count):
        for message in self.run.unsent[shard][:count]:
            self._append("high_scores", shard, **message)
        del self.run.unsent[shard][:count]

    @rule(commits=st.sets(partitions))
    def end_epoch(self, commits):
        for shard in range(SHARDS):
            for partition in range(PARTITIONS):
                self.fold(partition, shard, ALL)
            self.deliver(shard, ALL)
        self.run.epoch += 1
        for partition in commits:
            self.committed[partition] = self.run.positions[partition]

    @rule(count=processes, back=st.lists(st.integers(0, 4), min_size=2, max_size=2))
    def kill_highscores(self, count, back):
        positions = [max(0, each - less) for each, less in zip(self.committed, back, strict=True)]
        self.run = Highscores(count, positions)

    @rule(count=processes)
    def start_top5(self, count):
        self.standings = [Standings(5, "json") for _ in range(count)]
        self.tops: list[ShardTop] = []
        self.logic = BoardLogic(Top5(size=5, updates_per_second=0))
        self.ends = [len(log) for log in self.logs["high_scores"]]
        self.seen = [0] * SHARDS
        boards = self.logs["top_5"][0]
        self.board = decode_board(boards[-1].value() or b"") if boards else None

    @rule(shard=shards, count=counts)
    def follow(self, shard, count):
        messages = self.logs["high_scores"][shard][self.seen[shard] : self.seen[shard] + count]
        self.seen[shard] += len(messages)
        end = self.seen[shard] if self.seen[shard] >= self.ends[shard] else None
        standings = self.standings[shard % len(self.standings)]
        self.tops += [top for _, top in standings(Tail(shard, SHARDS, messages, end))]

    @rule(is_due=st.booleans())
    def publish(self, is_due):
        tops, self.tops = self.tops, []
        given = self.logic.on_batch(tops)[0] if tops else []
        for news in given + (self.logic.on_eof()[0] if is_due else []):
            board = succeed(self.board, news.board, news.removals)
            if board != self.board:
                self.board = board
                headers = {POSITIONS: encode_positions("now", news.positions)}
                self._append(
                    "top_5", 0, key=b"all-time", value=encode_board(board), headers=headers
                )

    @invariant()
    def all_is_right_so_far(self):
        oracle.check_so_far(self._read("high_scores"), self._read("scores"))
        oracle.check_boards(self._read("top_5"), self._read("high_scores"))

    def teardown(self):
        """Drain it all."""
        for partition in range(PARTITIONS):
            self.read_scores(partition, ALL)
        self.end_epoch(range(PARTITIONS))
        for shard in range(SHARDS):
            self.follow(shard, ALL)
        self.publish(is_due=True)
        oracle.check(self._read)

    def _bests(self, shard):
        return self.run.bests[shard % len(self.run.bests)]

    def _append(self, kind, partition, *, time=1, **message):
        log = self.logs[kind][partition]
        log.append(Message(kind, partition, len(log), timestamp=(1, time), **message))

    def _read(self, kind):
        return [
            oracle.Seen(
                message.partition() or 0,
                message.offset() or 0,
                message.key(),
                message.value(),
                message.timestamp()[1],
                cast("dict[str, bytes]", dict(message.headers() or ())),
            )
            for log in self.logs[kind]
            for message in log
        ]


def test_whatever_happens_in_whatever_order_the_log_is_right():
    many = settings(max_examples=300, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(Pipeline, settings=many)

"""The filter: what it drops never changes what the shards end with."""

import gc
from collections import ChainMap
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.highscores.filter import CandidateFilter
from dataflows.highscores.fold import AllTime, ByPeriod, Candidates, Counted, Shard
from dataflows.highscores.nested import AllTimeRule, NestedRule
from dataflows.highscores.source import ScoresBatch
from dataflows.kafka.partitioner import partition_of
from dataflows.periods import Calendar
from dataflows.stream_time import StreamTime
from dataflows.wire import BadMessage

SHARDS = 3
USERS = [b"a", b"b", b"f", b"g"]


def message(offset, user, value, partition=0):
    moment = (1, 1_000 + offset)
    return Message("scores", partition, offset, user, value, timestamp=moment)


class Context:
    """The settings and the topics that the filter asks for."""

    settings = SimpleNamespace(
        topics=SimpleNamespace(scores=SimpleNamespace(plain_format="json", field="score")),
        user_max_bytes=16,
        sign=1,
    )

    def topic(self, kind):
        return SimpleNamespace(partitions={"scores": 2, "high_scores": SHARDS}[kind])


def make(bests):
    shards = {number: Shard({"": best}, [], {}) for number, best in bests.items()}
    return CandidateFilter(cast("Any", Context()), shards, AllTimeRule())


def batch(epoch, *messages):
    return ScoresBatch(0, epoch, list(messages))


messages = st.lists(
    st.tuples(
        st.sampled_from([*USERS, b"", b"\xff", None]),
        st.one_of(st.none(), st.integers(-2, 4).map(lambda score: b"%d" % score), st.just(b"x")),
    ),
    max_size=30,
)


def run(log, cuts, epochs, local):
    """Filter a log in batches; the shards get each item late: when an epoch ends."""
    bests: list[dict[bytes, int]] = [{} for _ in range(SHARDS)]
    shards = [AllTime(best, Counted({}, {})) for best in bests]
    step = make({shard: bests[shard] for shard in local})
    found: list[Any] = []
    rejected: list[int] = []
    waiting: list[tuple[int, Candidates]] = []
    seen = [message(offset, *each) for offset, each in enumerate(log)]
    bounds = sorted({0, len(seen), *(cut % (len(seen) + 1) for cut in cuts)})
    for epoch, (begin, end) in enumerate(pairwise(bounds)):
        for name, item in step(batch(epoch // 2, *seen[begin:end])):
            if isinstance(item, Candidates):
                waiting.append((int(name), item))
            else:
                rejected.append(item.offset)
        if epoch % 2 or epochs[epoch % len(epochs)]:
            for shard, item in waiting:
                found += shards[shard].improvements(item)
            waiting.clear()
    for shard, item in waiting:
        found += shards[shard].improvements(item)
    held = {user: score for best in bests for user, score in best.items()}
    return held, sorted(offset for *_, offset in found), sorted(rejected)


def expected(log):
    best: dict[bytes, int] = {}
    found: list[int] = []
    rejected: list[int] = []
    for offset, (user, value) in enumerate(log):
        if user in {b"", b"\xff", None} or value == b"x":
            rejected.append(offset)
        elif value is None:
            if best.pop(user, None) is not None:
                found.append(offset)
        elif user not in best or int(value) > best[user]:
            best[user] = int(value)
            found.append(offset)
    return best, found, rejected


@given(
    messages,
    st.lists(st.integers(0, 30)),
    st.lists(st.booleans(), min_size=1),
    st.sets(st.integers(0, SHARDS - 1)),
)
def test_what_is_dropped_never_changes_the_result(log, cuts, epochs, local):
    assert run(log, cuts, epochs, local) == expected(log)


def test_the_users_of_these_tests_are_spread_over_all_shards():
    assert {partition_of(user, SHARDS) for user in USERS} == set(range(SHARDS))


def test_a_lower_score_passes_behind_a_tombstone_that_is_on_its_way():
    step = make({shard: {b"a": 5, b"b": 5} for shard in range(SHARDS)})
    list(step(batch(0, message(0, b"a", None))))  # its shard does not have it yet

    passed = list(step(batch(0, message(1, b"a", b"3"), message(2, b"b", b"3"))))
    later = list(step(batch(1, message(3, b"a", b"4"))))  # by now it does

    assert [item[:3] for _, item in passed] == [(0, [b"a"], [3])]
    assert later == []


def test_the_first_batch_of_a_partition_opens_the_shards_of_its_number():
    step = make({})

    opened = [list(step(ScoresBatch(partition, 0, []))) for partition in range(2)]

    assert [[name for name, _ in each] for each in opened] == [["000000", "000002"], ["000001"]]
    assert all(item.users == [] for each in opened for _, item in each)


def test_candidates_of_a_shard_keep_the_order_of_their_offsets_known_or_not():
    own = [user for user in (b"user%d" % each for each in range(40)) if _shard(user) == 0][:4]
    step = make({0: {own[0]: 1, own[2]: 1}})

    items = list(step(batch(0, *(message(each, user, b"9") for each, user in enumerate(own)))))

    assert [(name, item.users, item.offsets) for name, item in items] == [
        ("000000", own, [0, 1, 2, 3])
    ]


def _shard(user):
    return partition_of(user, SHARDS)


def test_a_key_that_stands_in_the_wrong_shard_hides_nobody():
    stray = next(user for user in USERS if _shard(user) != 1)
    step = make({1: {stray: 9}})

    items = list(step(ScoresBatch(0, 0, [message(0, stray, b"5")])))

    assert [item.users for _, item in items] == [[stray]]


values = st.sampled_from([None, b"0", b"1", b"2"])
epochs = st.lists(st.tuples(st.integers(0, 1), st.lists(values, min_size=1, max_size=2)))
homes = st.lists(st.integers(0, 1), min_size=SHARDS, max_size=SHARDS)


@pytest.mark.parametrize("boards", [(), ("day",), ("week", "month")], ids=str)
@settings(max_examples=300)
@given(st.sampled_from(USERS), epochs, homes)
def test_in_a_cluster_a_user_may_be_in_another_partition_in_each_epoch(boards, user, epochs, homes):
    """Producers may choose partitions differently; a tombstone may come by any of them."""
    cluster = Cluster(boards, homes)
    log: list[tuple[bytes, bytes | None]] = []
    for epoch, (partition, sent) in enumerate(epochs):
        cluster.play(epoch, partition, user, sent)
        log += [(user, value) for value in sent]
        best, *_ = expected(log)

        assert cluster.tables() == [best] * (1 + len(boards))


class Cluster:
    """Two processes, each reads one partition of `scores`; `homes` names that of each shard.

    Candidates arrive when the epoch ends. All scores are of one day.
    """

    def __init__(self, boards, homes):
        self.calendar = Calendar(boards, "UTC", 24)
        self.shards = [self._shard(self.calendar) for _ in homes]
        self.steps = [self._step(process, homes) for process in range(2)]
        self.offset = 0

    def _shard(self, calendar):
        tables: dict[str, dict[bytes, int]] = {"": {}}
        periods = [
            ByPeriod(board, calendar, tables, Counted({}, {}), sources=2)
            for board in calendar.boards
        ]
        return Shard(tables, [AllTime(tables[""], Counted({}, {})), *periods], {})

    def _step(self, process, homes):
        local = {each: self.shards[each] for each, home in enumerate(homes) if home == process}
        start = SimpleNamespace(stream=StreamTime(), offset=0)
        starts: Any = SimpleNamespace(of=lambda _partition: start)
        rule = NestedRule(self.calendar, starts) if self.calendar.boards else AllTimeRule()
        return CandidateFilter(cast("Any", Context()), local, rule)

    def play(self, epoch, partition, user, sent):
        items: list[Any] = []
        for value in sent:
            self.offset += 1
            batch = [message(self.offset, user, value, partition)]
            items += self.steps[partition](ScoresBatch(partition, epoch, batch))
        for name, candidates in items:
            for board in self.shards[int(name)].boards:
                list(board.improvements(candidates))

    def tables(self):
        """Return the bests of all shards: of all time, and of the period of each board."""
        names = ["", *(period.name for period in self.calendar.periods(1_000))]
        tables = [[shard.tables.get(name, {}) for shard in self.shards] for name in names]
        return [dict(ChainMap(*each)) for each in tables]


def test_bad_messages_leave_nothing_for_the_collector():
    step = make({})
    bad = [(b"a", b"x"), (b"\xff", b"1"), (b"a", b"1"), (b"a", b'{"score":1.5}')]
    gc.collect()
    gc.disable()
    try:
        items = list(step(batch(0, *(message(offset, *each) for offset, each in enumerate(bad)))))
        left = [each for each in gc.get_objects() if isinstance(each, BadMessage)]
    finally:
        gc.enable()

    assert len(items) == 4
    assert left == []

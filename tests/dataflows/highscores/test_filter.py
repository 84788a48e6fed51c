"""The filter: what it drops never changes what the shards end with."""

import gc
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from dataflows.highscores import filter as candidate_filter
from dataflows.highscores.filter import CandidateFilter
from dataflows.highscores.fold import AllTime, Candidates, Counted, Shard
from dataflows.highscores.nested import AllTimeRule
from dataflows.highscores.source import ScoresBatch
from dataflows.kafka.partitioner import partition_of
from dataflows.wire import BadMessage

SHARDS = 3
USERS = [b"a", b"b", b"f", b"g"]


def message(offset, user, value):
    moment = (1, 1_000 + offset)
    return Message("scores", 0, offset, user, value, timestamp=moment)


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


def test_what_other_processes_were_sent_is_remembered_up_to_a_bound(monkeypatch):
    monkeypatch.setattr(candidate_filter, "SENT_USERS", 2)
    step = make({})
    for offset in range(10):
        list(step(batch(0, message(offset, b"user%d" % offset, b"1"))))

    assert sum(map(len, step._sent.tables.values())) <= 3  # noqa: SLF001 - its bound is tested


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

"""The step that reads: what it drops never changes what the shards end with."""

import gc
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from dataflows import reading
from dataflows.leaderboard import Bests, Candidates, improvements
from dataflows.messages import BadMessage
from dataflows.reading import Reader
from dataflows.scores import Batch

SHARDS = 3


def message(offset, user, value):
    moment = (1, 1_000 + offset)
    return Message("scores", 0, offset, user, value, timestamp=moment)


class Broker:
    """The settings and the one topic that the step asks for."""

    settings = SimpleNamespace(
        topics=SimpleNamespace(scores=SimpleNamespace(format="json")), user_max_bytes=16
    )

    def topic(self, _kind):
        return SimpleNamespace(partitions=SHARDS)


messages = st.lists(
    st.tuples(
        st.sampled_from([b"a", b"b", b"c", b"", b"\xff"]),
        st.one_of(st.none(), st.integers(-2, 4).map(lambda score: b"%d" % score), st.just(b"x")),
    ),
    max_size=30,
)


def run(log, cuts, epochs, is_local):
    """Read a log in batches; the shards see each item late: when an epoch ends."""
    bests = Bests(scores={}, shards=set(range(SHARDS)) if is_local else set())
    held = bests.scores if is_local else {}
    counted: list[dict[int, int]] = [{} for _ in range(SHARDS)]
    reader = Reader(cast("Any", Broker()), bests)
    found: list[Any] = []
    rejected: list[int] = []
    waiting: list[tuple[int, Candidates]] = []
    seen = [message(offset, *each) for offset, each in enumerate(log)]
    bounds = sorted({0, len(seen), *(cut % (len(seen) + 1) for cut in cuts)})
    for epoch, (begin, end) in enumerate(pairwise(bounds)):
        batch = Batch(0, epoch // 2, seen[begin:end])
        for name, item in reader(batch):
            if isinstance(item, Candidates):
                waiting.append((int(name), item))
            else:
                rejected.append(item.offset)
        if epoch % 2 or epochs[epoch % len(epochs)]:
            for shard, item in waiting:
                found += improvements(held, counted[shard], item)
            waiting.clear()
    for shard, item in waiting:
        found += improvements(held, counted[shard], item)
    return held, sorted(offset for *_, offset in found), rejected


def expected(log):
    best: dict[bytes, int] = {}
    found: list[int] = []
    rejected: list[int] = []
    for offset, (user, value) in enumerate(log):
        if user in {b"", b"\xff"} or value == b"x":
            rejected.append(offset)
        elif value is None:
            if best.pop(user, None) is not None:
                found.append(offset)
        elif user not in best or int(value) > best[user]:
            best[user] = int(value)
            found.append(offset)
    return best, found, rejected


@given(messages, st.lists(st.integers(0, 30)), st.lists(st.booleans(), min_size=1), st.booleans())
def test_what_is_dropped_never_changes_the_result(log, cuts, epochs, is_local):
    assert run(log, cuts, epochs, is_local) == expected(log)


def test_a_lower_score_passes_behind_a_tombstone_that_is_under_way():
    bests = Bests(scores={b"a": 5, b"b": 5}, shards=set(range(SHARDS)))
    reader = Reader(cast("Any", Broker()), bests)
    list(reader(Batch(0, 0, [message(0, b"a", None)])))  # its shard has not seen it yet

    passed = list(reader(Batch(0, 0, [message(1, b"a", b"3"), message(2, b"b", b"3")])))
    later = list(reader(Batch(0, 1, [message(3, b"a", b"4")])))  # by now it has

    assert [item[:3] for _, item in passed] == [(0, [b"a"], [3])]
    assert later == []


def test_what_other_processes_were_sent_is_remembered_up_to_a_bound(monkeypatch):
    monkeypatch.setattr(reading, "SEEN_USERS", 2)
    reader = Reader(cast("Any", Broker()), Bests(scores={}, shards=set()))
    for offset in range(10):
        list(reader(Batch(0, 0, [message(offset, b"user%d" % offset, b"1")])))

    assert len(reader._seen) <= 3  # noqa: SLF001 - its bound is what is tested


def test_bad_messages_leave_nothing_for_the_collector():
    reader = Reader(cast("Any", Broker()), Bests(scores={}, shards=set()))
    bad = [(b"a", b"x"), (b"\xff", b"1"), (b"a", b"1"), (b"a", b'{"score":1.5}')]
    gc.collect()
    gc.disable()
    try:
        rejected = list(
            reader(Batch(0, 0, [message(offset, *each) for offset, each in enumerate(bad)]))
        )
        left = [each for each in gc.get_objects() if isinstance(each, BadMessage)]
    finally:
        gc.enable()

    assert len(rejected) == 4
    assert left == []

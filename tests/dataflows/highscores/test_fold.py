"""The fold keeps the greatest score; a restored shard finds what it has counted."""

from itertools import count

from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from dataflows.highscores import fold as fold_rules
from dataflows.highscores.fold import (
    AllTime,
    Candidates,
    Counted,
    Improvement,
    LastOrigin,
    Origins,
    Removal,
    note_removal,
)
from dataflows.leaderboard import HIGHEST, LOWEST
from dataflows.wire import ORIGIN, Origin, encode_origin

users = st.sampled_from([b"a", b"b", b"c", b"\xc3\xa9", b"z" * 20])
scores = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([LOWEST, HIGHEST]))
logs = st.lists(st.tuples(users, scores), max_size=30)


def fold(log, best, counted, begin=0, partition=0):
    """Fold a log from an offset on, in batches of three."""
    found: list[Improvement] = []
    for first in range(begin, len(log), 3):
        part = log[first : first + 3]
        names, made = map(list, zip(*part, strict=True))
        offsets = list(range(first, first + len(part)))
        candidates = Candidates(partition, names, made, [1] * len(part), offsets)
        found += AllTime(best, Counted(counted, {})).improvements(candidates)
    return found


def expected(log):
    best: dict[bytes, int] = {}
    found: list[tuple[bytes, int | None, int]] = []
    for offset, (user, score) in enumerate(log):
        if score is None and user in best:
            del best[user]
            found.append((user, None, offset))
        elif score is not None and (user not in best or score > best[user]):
            best[user] = score
            found.append((user, score, offset))
    return best, found


@given(logs)
def test_the_fold_keeps_the_greatest_since_the_last_tombstone(log):
    best: dict[bytes, int] = {}
    found = [(user, score, offset) for _, user, score, _, offset in fold(log, best, {})]

    assert (best, found) == expected(log)


@given(logs, st.data())
def test_a_replay_of_any_suffix_writes_nothing_twice(log, data):
    best: dict[bytes, int] = {}
    counted: dict[int, int] = {}
    fold(log, best, counted)
    held = dict(best)
    begin = data.draw(st.integers(0, len(log)))

    assert fold(log, best, counted, begin) == []
    assert best == held


@given(logs, logs, st.randoms())
def test_any_interleaving_of_partitions_gives_the_same_bests(one, other, dice):
    other = [(b"other-" + user, score) for user, score in other]
    best: dict[bytes, int] = {}
    counted: dict[int, int] = {}
    rest = [(0, each) for each in one], [(1, each) for each in other]
    taken = [0, 0]
    while any(taken[side] < len(rest[side]) for side in (0, 1)):
        side = dice.choice([side for side in (0, 1) if taken[side] < len(rest[side])])
        user, score = rest[side][taken[side]][1]
        candidates = Candidates(side, [user], [score], [1], [taken[side]])
        list(AllTime(best, Counted(counted, {})).improvements(candidates))
        taken[side] += 1

    assert best == expected(one)[0] | expected(other)[0]


class Counting(Message):
    """A message that counts how often its headers are read."""

    reads = 0

    def headers(self):
        type(self).reads += 1
        return super().headers()


def message(user, origin) -> Message:
    headers: dict[str, bytes | str | None] = {ORIGIN: encode_origin(origin)} if origin else {}
    return Counting("high-scores", 0, 0, user, b"1", headers=headers, timestamp=(1, 7))


def restored(log, size):
    """Return the last offset of each partition that is found in a log of users and origins."""
    origins = Origins("now")
    for begin in range(0, len(log), size):
        origins.note([message(user, origin) for user, origin in log[begin : begin + size]])
    return {partition: last.offset for partition, last in origins.last.items()}


def compacted(log, users):
    """Drop all but the last message of these users; the last of all stays in any case."""
    last = {user: place for place, (user, _) in enumerate(log)}
    return [
        each for place, each in enumerate(log) if each[0] not in users or last[each[0]] == place
    ]


writes = st.tuples(st.integers(0, 3), st.sampled_from(["now", "now", "now", "old", ""]))


@given(
    st.lists(st.lists(writes, max_size=12), max_size=4),
    st.sets(st.integers(0, 7)),
    st.integers(1, 9),
)
def test_the_last_origin_of_each_partition_is_found_over_restarts_and_compaction(runs, users, size):
    log: list[tuple[bytes, Origin | None]] = []
    offsets = count()
    for run in runs:
        counted = restored(log, size)
        for (partition, topic), offset in zip(run, offsets, strict=False):
            user = b"%d" % (offset % 3 + 4 * (partition % 2))
            if topic == "now":
                counted[partition] = offset
            sources = len(counted) if topic == "now" else 0
            log.append((user, Origin(topic, partition, offset, sources) if topic else None))
        log = compacted(log, {b"%d" % user for user in users})
    expected: dict[int, int] = {}
    for _, origin in log:
        if origin and origin.topic_id == "now":
            expected[origin.partition] = origin.offset

    assert restored(log, size) == expected


def test_of_a_batch_from_one_partition_one_header_is_read():
    log = [(b"%d" % offset, Origin("now", 5, offset, 1)) for offset in range(1_000)]
    Counting.reads = 0

    assert restored(log, 100) == {5: 999}
    assert Counting.reads == 10


def test_an_origin_names_the_score_that_must_stand_at_its_place():
    origins = Origins("now")
    origins.note([message(b"ann", Origin("now", 5, 3, 1)), message(b"bob", Origin("now", 5, 8, 1))])

    assert origins.last == {5: LastOrigin(8, b"bob", 7)}


def test_an_origin_that_cannot_be_read_is_noted_and_the_one_before_it_counts():
    class Unreadable(Counting):
        def headers(self):
            return b"\xff".decode()  # as confluent-kafka does with the name of a header

    origins = Origins("now")
    bad = [
        Message("high-scores", 0, 1, b"bob", b"1", headers={ORIGIN: b"x"}, timestamp=(1, 7)),
        Unreadable("high-scores", 0, 2, b"cid", b"1", timestamp=(1, 7)),
    ]
    origins.note([message(b"ann", Origin("now", 5, 3, 1)), *bad])

    assert origins.last == {5: LastOrigin(3, b"ann", 7)}
    assert (origins.unreadable, origins.first_unreadable) == (2, bad[1])


def removed_and_replayed(first, second):
    """Return who is there after two chunks of one score or tombstone each."""
    best: dict[bytes, int] = {}
    board = AllTime(best, Counted({}, {}))
    for partition, score, time in (first, second):
        list(board.improvements(Candidates(partition, [b"ann"], [score], [time], [1])))
    return set(best)


def test_a_tombstone_of_another_partition_removes_what_is_no_younger_in_any_order():
    score, tombstone, later = (0, 9, 50), (1, None, 60), (0, 9, 61)

    assert removed_and_replayed(score, tombstone) == set()
    assert removed_and_replayed(tombstone, score) == set()
    assert removed_and_replayed(tombstone, later) == {b"ann"}


def test_of_the_users_that_are_remembered_the_one_removed_longest_ago_goes_first(monkeypatch):
    monkeypatch.setattr(fold_rules, "REMOVED_USERS", 2)
    removed: dict[bytes, Removal] = {}
    for user in (b"a", b"b", b"a", b"c"):
        note_removal(removed, user, Removal(0, 1))

    assert list(removed) == [b"a", b"c"]


def test_in_one_partition_a_score_behind_a_tombstone_counts_whatever_its_time():
    assert removed_and_replayed((1, None, 60), (1, 9, 50)) == {b"ann"}

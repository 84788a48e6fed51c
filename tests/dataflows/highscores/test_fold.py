"""The fold keeps the greatest score; a restored shard finds what it has counted."""

from itertools import count

from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from dataflows.highscores.fold import Candidates, Improvement, improvements, note_origins
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
        found += improvements(best, counted, candidates)
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
    found = [(user, score, offset) for user, score, _, offset in fold(log, best, {})]

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
        list(improvements(best, counted, Candidates(side, [user], [score], [1], [taken[side]])))
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
    return Counting("high-scores", 0, 0, user, b"1", headers=headers)


def restored(log, size):
    counted: dict[int, int] = {}
    for begin in range(0, len(log), size):
        batch = [message(user, origin) for user, origin in log[begin : begin + size]]
        note_origins(counted, "now", batch)
    return counted


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

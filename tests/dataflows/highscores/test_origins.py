"""What a shard has counted is found again, whatever was compacted, with few headers looked at."""

from itertools import count

from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from dataflows.messages import ORIGIN, Origin, encode_origin
from dataflows.origins import note_origins


class Counting(Message):
    """A message that counts how often its headers are looked at."""

    looks = 0

    def headers(self):
        type(self).looks += 1
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


def test_of_a_batch_that_came_from_one_partition_one_header_is_looked_at():
    log = [(b"%d" % offset, Origin("now", 5, offset, 1)) for offset in range(1_000)]
    Counting.looks = 0

    assert restored(log, 100) == {5: 999}
    assert Counting.looks == 10

"""The latest to many: everyone who reads gets all, who is slow skips, who stalls is cut."""

import asyncio
import itertools

from tests.support.until import until
from web.live.hub import Hub, Times

BEAT = b":\n\n"
LONG = Times(heartbeat=60, stall=60)


def beat():
    return BEAT


class Reader:
    """A client that takes what it is given, and after it is free while `reads` is true."""

    def __init__(self, stream):
        self.given = []
        self.reads = True
        self.ended = self.was_cut = False
        self._stream = stream

    def is_free(self):
        return self.reads

    def give(self, chunk):
        self.given.append(chunk.plain)
        return self.reads

    def go_on(self):
        self.reads = True
        self._stream.ready(self)

    def end(self):
        self.ended = True

    def cut(self):
        self.was_cut = True


def joined(stream, resume=None):
    reader = Reader(stream)
    chunk, version = stream.snapshot(resume)
    stream.add(reader, version)
    return chunk, reader


async def test_a_subscriber_gets_the_state_then_what_is_new():
    stream = Hub(beat, LONG)
    stream.publish({1: b"a"})
    first, reader = joined(stream)
    stream.publish({2: b"b"})
    stream.publish({3: b"c"})

    assert (first, reader.given) == (b"a", [b"b", b"c"])


async def test_what_stays_in_the_state_is_not_sent_again():
    stream = Hub(beat, LONG)
    stream.publish({1: b"a", 2: b"b"})
    _, reader = joined(stream)
    stream.publish({2: b"b", 3: b"c"})

    assert reader.given == [b"c"]
    assert stream.snapshot()[0] == b"bc"


async def test_the_same_state_again_sends_nothing():
    stream = Hub(beat, LONG)
    stream.publish({1: b"a"})
    _, reader = joined(stream)
    stream.publish({1: b"a"})

    assert reader.given == []


async def test_a_key_with_another_chunk_is_new():
    stream = Hub(beat, LONG)
    stream.publish({1: b"a"})
    _, reader = joined(stream)
    stream.publish({1: b"b"})

    assert reader.given == [b"b"]


async def test_what_was_published_between_the_state_and_the_joining_is_not_missed():
    stream = Hub(beat, LONG)
    stream.publish({1: b"a"})
    _, version = stream.snapshot()
    stream.publish({2: b"b"})
    reader = Reader(stream)
    stream.add(reader, version)

    assert reader.given == [b"b"]


async def test_the_resumed_key_is_left_out():
    stream = Hub(beat, LONG)
    stream.publish({"t:7": b"a", "x": b"b"})

    assert joined(stream, "t:7")[0] == b"b"
    assert joined(stream, "t:6")[0] == b"ab"


async def test_a_slow_subscriber_skips_to_the_newest():
    stream = Hub(beat, LONG)
    _, slow = joined(stream)
    _, quick = joined(stream)
    slow.reads = False
    for number in range(1000):
        stream.publish({number: b"%d" % number})
    slow.go_on()

    assert slow.given == [b"0", b"999"]
    assert len(quick.given) == 1000


async def test_a_slow_subscriber_of_ten_gets_the_last_ten_in_order():
    stream = Hub(beat, LONG)
    _, slow = joined(stream)
    slow.reads = False
    for number in range(30):
        stream.publish({n: b"%d " % n for n in range(max(0, number - 9), number + 1)})
    slow.go_on()

    assert slow.given == [b"0 ", b"20 21 22 23 24 25 26 27 28 29 "]


async def test_a_subscriber_that_caught_up_gets_each_change_again():
    stream = Hub(beat, LONG)
    _, slow = joined(stream)
    slow.reads = False
    for number in range(3):
        stream.publish({number: b"%d" % number})
    slow.go_on()
    stream.publish({3: b"3"})
    slow.go_on()

    assert slow.given == [b"0", b"2", b"3"]


async def test_a_subscriber_that_is_not_free_when_it_joins_gets_what_it_missed_later():
    stream = Hub(beat, LONG)
    reader = Reader(stream)
    reader.reads = False
    stream.add(reader, 0)
    stream.publish({1: b"a"})
    stream.publish({2: b"b"})
    before = list(reader.given)
    reader.go_on()

    assert (before, reader.given) == ([], [b"b"])


async def test_who_takes_nothing_for_too_long_is_cut_and_nobody_else_notices():
    stream = Hub(beat, Times(heartbeat=60, stall=0.1))
    _, stalled = joined(stream)
    _, healthy = joined(stream)
    stalled.reads = False
    stream.publish({1: b"a"})
    await until(lambda: stalled.was_cut)
    stream.publish({2: b"b"})

    assert (stalled.given, healthy.given) == ([b"a"], [b"a", b"b"])
    assert (len(stream), stream.cut) == (1, 1)


async def test_who_stalls_in_a_silent_stream_is_cut_by_the_heartbeat():
    stream = Hub(beat, Times(heartbeat=0.05, stall=0.1))
    _, stalled = joined(stream)
    stalled.reads = False
    await until(lambda: stalled.was_cut)

    assert stalled.given == [BEAT]


async def test_who_is_free_again_in_time_is_not_cut():
    stream = Hub(beat, Times(heartbeat=60, stall=0.2))
    _, stalled = joined(stream)
    _, slow = joined(stream)
    stalled.reads = slow.reads = False
    stream.publish({1: b"a"})
    await asyncio.sleep(0.1)  # half of the time that it has
    slow.go_on()
    slow.reads = False
    stream.publish({2: b"b"})
    await until(lambda: stalled.was_cut)

    assert not slow.was_cut
    await until(lambda: slow.was_cut)


async def test_a_heartbeat_is_made_anew_each_time_also_while_changes_are_published():
    beats = (b"beat %d" % number for number in itertools.count(1))
    stream = Hub(lambda: next(beats), Times(heartbeat=0.05, stall=60))
    _, reader = joined(stream)

    def is_third():
        stream.publish({1: b"%d" % len(reader.given)})
        return b"beat 3" in reader.given

    await until(is_third)

    assert [each for each in reader.given if b"beat" in each] == [b"beat 1", b"beat 2", b"beat 3"]


async def test_the_end_ends_everyone_now_and_later():
    stream = Hub(beat, LONG)
    _, before = joined(stream)
    stream.end()
    _, after = joined(stream)

    assert (before.ended, after.ended, len(stream)) == (True, True, 0)


async def test_who_left_is_forgotten():
    stream = Hub(beat, LONG)
    _, reader = joined(stream)
    stream.remove(reader)
    stream.remove(reader)
    stream.publish({1: b"a"})

    assert (reader.given, len(stream)) == ([], 0)


def nothing():
    """Drop nobody."""


async def test_a_generator_gives_the_first_chunk_then_what_is_new_then_ends():
    stream = Hub(beat, LONG)
    stream.publish({1: b"a"})
    taken = []

    async def read():
        async for chunk in stream.follow(*stream.snapshot(), nothing):
            taken.append(chunk)  # noqa: PERF401 - looked at while it grows

    reading = asyncio.create_task(read())
    await until(lambda: len(stream) == 1)
    stream.publish({2: b"b"})
    await until(lambda: len(taken) == 2)
    stream.publish({3: b"c"})
    stream.end()  # while the last chunk still waits to be taken
    await asyncio.wait_for(reading, 5)

    assert taken == [b"a", b"b", b"c"]


async def test_a_generator_that_is_not_read_skips_to_the_newest():
    stream = Hub(beat, LONG)
    chunks = stream.follow(b"first", 0, nothing)
    await anext(chunks)
    for number in range(100):
        stream.publish({number: b"%d" % number})

    assert await asyncio.wait_for(anext(chunks), 5) == b"99"
    await chunks.aclose()
    assert len(stream) == 0


async def test_a_client_that_leaves_before_the_first_byte_is_not_registered():
    stream = Hub(beat, LONG)
    chunks = stream.follow(b"first", 0, nothing)
    await chunks.aclose()

    assert len(stream) == 0


async def test_a_generator_that_is_stuck_is_cut():
    stream = Hub(beat, Times(heartbeat=60, stall=0.1))
    cut = asyncio.Event()
    chunks = stream.follow(b"first", 0, cut.set)
    await anext(chunks)
    stream.publish({1: b"a"})
    await anext(chunks)  # taken, and now it is stuck in sending it
    stream.publish({2: b"b"})
    await asyncio.wait_for(cut.wait(), 5)
    await chunks.aclose()

    assert len(stream) == 0

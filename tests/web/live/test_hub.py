"""The newest state to many: clients that read get all, slow ones skip, stalled ones are cut."""

import asyncio
import itertools

from tests.support.until import until
from web.live.hub import Hub, Times

HEARTBEAT = b":\n\n"
LONG = Times(heartbeat=60, stall=60)


def heartbeat():
    return HEARTBEAT


class FakeSubscriber:
    """A client that stays writable as long as `reads` is true."""

    def __init__(self, hub):
        self.received = []
        self.reads = True
        self.ended = self.was_cut = False
        self._hub = hub

    def is_writable(self):
        return self.reads

    def write(self, chunk):
        self.received.append(chunk.plain)
        return self.reads

    def read_on(self):
        self.reads = True
        self._hub.catch_up(self)

    def end(self):
        self.ended = True

    def cut(self):
        self.was_cut = True


def subscribe(hub, resume=None):
    client = FakeSubscriber(hub)
    state, version = hub.snapshot(resume)
    hub.add(client, version)
    return state, client


async def test_a_subscriber_gets_the_state_then_each_change():
    hub = Hub(heartbeat, LONG)
    hub.publish({1: b"a"})
    first, client = subscribe(hub)
    hub.publish({2: b"b"})
    hub.publish({3: b"c"})

    assert (first, client.received) == (b"a", [b"b", b"c"])


async def test_a_chunk_that_stays_in_the_state_is_not_sent_again():
    hub = Hub(heartbeat, LONG)
    hub.publish({1: b"a", 2: b"b"})
    _, client = subscribe(hub)
    hub.publish({2: b"b", 3: b"c"})

    assert client.received == [b"c"]
    assert hub.snapshot()[0] == b"bc"


async def test_the_same_state_again_sends_nothing():
    hub = Hub(heartbeat, LONG)
    hub.publish({1: b"a"})
    _, client = subscribe(hub)
    hub.publish({1: b"a"})

    assert client.received == []


async def test_a_key_with_another_chunk_is_sent():
    hub = Hub(heartbeat, LONG)
    hub.publish({1: b"a"})
    _, client = subscribe(hub)
    hub.publish({1: b"b"})

    assert client.received == [b"b"]


async def test_a_change_between_the_snapshot_and_the_adding_is_not_missed():
    hub = Hub(heartbeat, LONG)
    hub.publish({1: b"a"})
    _, version = hub.snapshot()
    hub.publish({2: b"b"})
    client = FakeSubscriber(hub)
    hub.add(client, version)

    assert client.received == [b"b"]


async def test_the_chunk_of_the_resumed_key_is_not_sent():
    hub = Hub(heartbeat, LONG)
    hub.publish({"t:7": b"a", "x": b"b"})

    assert subscribe(hub, "t:7")[0] == b"b"
    assert subscribe(hub, "t:6")[0] == b"ab"


async def test_a_slow_subscriber_skips_to_the_newest():
    hub = Hub(heartbeat, LONG)
    _, slow = subscribe(hub)
    _, quick = subscribe(hub)
    slow.reads = False
    for number in range(1000):
        hub.publish({number: b"%d" % number})
    slow.read_on()

    assert slow.received == [b"0", b"999"]
    assert len(quick.received) == 1000


async def test_a_slow_subscriber_of_ten_gets_the_last_ten_in_order():
    hub = Hub(heartbeat, LONG)
    _, slow = subscribe(hub)
    slow.reads = False
    for number in range(30):
        hub.publish({n: b"%d " % n for n in range(max(0, number - 9), number + 1)})
    slow.read_on()

    assert slow.received == [b"0 ", b"20 21 22 23 24 25 26 27 28 29 "]


async def test_a_subscriber_that_caught_up_gets_each_change_again():
    hub = Hub(heartbeat, LONG)
    _, slow = subscribe(hub)
    slow.reads = False
    for number in range(3):
        hub.publish({number: b"%d" % number})
    slow.read_on()
    hub.publish({3: b"3"})
    slow.read_on()

    assert slow.received == [b"0", b"2", b"3"]


async def test_a_subscriber_that_is_not_writable_when_it_is_added_catches_up_later():
    hub = Hub(heartbeat, LONG)
    client = FakeSubscriber(hub)
    client.reads = False
    hub.add(client, 0)
    hub.publish({1: b"a"})
    hub.publish({2: b"b"})
    before = list(client.received)
    client.read_on()

    assert (before, client.received) == ([], [b"b"])


async def test_a_client_that_takes_nothing_for_too_long_is_cut_and_the_others_are_not_disturbed():
    hub = Hub(heartbeat, Times(heartbeat=60, stall=0.1))
    _, stalled = subscribe(hub)
    _, healthy = subscribe(hub)
    stalled.reads = False
    hub.publish({1: b"a"})
    await until(lambda: stalled.was_cut)
    hub.publish({2: b"b"})

    assert (stalled.received, healthy.received) == ([b"a"], [b"a", b"b"])
    assert (len(hub), hub.cut) == (1, 1)


async def test_a_client_that_stalls_in_a_silent_stream_is_cut_after_a_heartbeat():
    hub = Hub(heartbeat, Times(heartbeat=0.05, stall=0.1))
    _, stalled = subscribe(hub)
    stalled.reads = False
    await until(lambda: stalled.was_cut)

    assert stalled.received == [HEARTBEAT]


async def test_a_client_that_catches_up_in_time_is_not_cut():
    hub = Hub(heartbeat, Times(heartbeat=60, stall=1))
    _, stalled = subscribe(hub)
    _, slow = subscribe(hub)
    stalled.reads = slow.reads = False
    hub.publish({1: b"a"})
    await asyncio.sleep(0.5)  # half of its time
    slow.read_on()
    slow.reads = False
    hub.publish({2: b"b"})
    await until(lambda: stalled.was_cut)

    assert not slow.was_cut
    await until(lambda: slow.was_cut)


async def test_a_heartbeat_is_made_each_time_also_while_changes_are_published():
    beats = (b"beat %d" % number for number in itertools.count(1))
    hub = Hub(lambda: next(beats), Times(heartbeat=0.05, stall=60))
    _, client = subscribe(hub)

    def is_third():
        hub.publish({1: b"%d" % len(client.received)})
        return b"beat 3" in client.received

    await until(is_third)

    assert [each for each in client.received if b"beat" in each] == [
        b"beat 1",
        b"beat 2",
        b"beat 3",
    ]


async def test_a_client_that_lags_skips_changes_and_no_heartbeats():
    hub = Hub(heartbeat, Times(heartbeat=0.02, stall=60))
    _, lagging = subscribe(hub)
    _, other = subscribe(hub)
    lagging.reads = False
    for number in range(3):
        hub.publish({1: b"%d" % number})
    await until(lambda: other.received.count(HEARTBEAT) == 3)

    assert hub.skipped == 2


async def test_the_end_ends_every_subscriber_also_one_that_is_added_later():
    hub = Hub(heartbeat, LONG)
    _, before = subscribe(hub)
    hub.end()
    _, after = subscribe(hub)

    assert (before.ended, after.ended, len(hub)) == (True, True, 0)


async def test_a_removed_subscriber_gets_nothing():
    hub = Hub(heartbeat, LONG)
    _, client = subscribe(hub)
    hub.remove(client)
    hub.remove(client)
    hub.publish({1: b"a"})

    assert (client.received, len(hub)) == ([], 0)

"""A client whose response body is a generator."""

import asyncio

from tests.support.until import until
from web.live.hub import Hub, Times
from web.live.subscribers import GeneratorSubscriber

LONG = Times(heartbeat=60, stall=60)


def subscribe(hub, cut=lambda: None):
    subscriber = GeneratorSubscriber(hub.catch_up, cut)
    hub.add(subscriber, 0)
    return subscriber


async def test_it_yields_each_change_and_ends_after_the_last():
    hub = Hub(lambda: b":\n\n", LONG)
    subscriber = subscribe(hub)
    received = []

    async def read():
        async for chunk in subscriber:
            received.append(chunk)  # noqa: PERF401 - looked at while it grows

    reading = asyncio.create_task(read())
    hub.publish({1: b"a"})
    await until(lambda: len(received) == 1)
    hub.publish({2: b"b"})
    hub.end()  # before the last chunk is read
    await asyncio.wait_for(reading, 5)

    assert received == [b"a", b"b"]


async def test_a_generator_that_is_not_read_skips_to_the_newest():
    hub = Hub(lambda: b":\n\n", LONG)
    subscriber = subscribe(hub)
    for number in range(100):
        hub.publish({number: b"%d" % number})
    chunks = [await asyncio.wait_for(anext(subscriber), 5) for _ in range(2)]

    assert chunks == [b"0", b"99"]


async def test_a_generator_that_is_stuck_is_cut():
    hub = Hub(lambda: b":\n\n", Times(heartbeat=60, stall=0.1))
    was_cut = asyncio.Event()
    subscriber = subscribe(hub, was_cut.set)
    hub.publish({1: b"a"})
    await anext(subscriber)  # and now it is stuck in sending that
    hub.publish({2: b"b"})
    await asyncio.wait_for(was_cut.wait(), 5)

    assert len(hub) == 0

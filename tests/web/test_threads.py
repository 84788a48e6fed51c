"""What a thread brings waits for the event loop: of each function one call, never a queue."""

import asyncio
import threading

from web.threads import OnLoop, PendingCalls


def wrapped(*names):
    """Return for each name a function for a thread, and the calls that reach the loop."""
    on_loop = OnLoop()
    on_loop.bind()
    pending, calls = PendingCalls(on_loop), []
    functions = {
        name: pending.wrap(lambda item, name=name: calls.append((name, item))) for name in names
    }
    return pending, functions, calls


async def in_thread(function):
    """Run a function in a thread while the loop is kept busy, then let the loop run."""
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
    await asyncio.sleep(0)


async def test_a_busy_loop_gets_the_newest_of_each_function_in_one_call():
    pending, functions, calls = wrapped("board", "score")

    def bring():
        for number in range(10_000):
            functions["score"](number)
            functions["board"](-number)

    await in_thread(bring)

    assert calls == [("score", 9_999), ("board", -9_999)]
    assert pending.merged == 2 * 9_999


async def test_items_that_wait_are_merged_as_the_function_wants():
    _, _, calls = wrapped()
    on_loop = OnLoop()
    on_loop.bind()
    put = PendingCalls(on_loop).wrap(calls.append, lambda waiting, new: (waiting + new)[-2:])
    await in_thread(lambda: [put([number]) for number in range(4)])
    await in_thread(lambda: put([9]))

    assert calls == [[2, 3], [9]]


async def test_a_beginning_drops_what_waits():
    on_loop = OnLoop()
    on_loop.bind()
    pending, calls = PendingCalls(on_loop), []
    put, begin = pending.wrap(calls.append), pending.wrap_begin(lambda item: calls.append([item]))

    def bring():
        put("old")
        begin("topic")
        put("new")

    await in_thread(bring)

    assert calls == [["topic"], "new"]

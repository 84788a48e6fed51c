"""What a thread brings waits for the event loop: of each function one call, never a queue."""

import asyncio
import threading

from web.threads import OnLoop, PendingCalls


def pending_calls():
    """Return the calls of a thread to this loop."""
    on_loop = OnLoop()
    on_loop.bind()
    return PendingCalls(on_loop)


class Calls:
    """What has reached the event loop, in order."""

    def __init__(self):
        self.made = []

    def board(self, item):
        self.made.append(("board", item))

    def score(self, item):
        self.made.append(("score", item))


async def in_thread(function):
    """Run a function in a thread while the loop is kept busy, then let the loop run."""
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
    await asyncio.sleep(0)


async def test_a_busy_loop_gets_the_newest_of_each_function_in_one_call():
    pending, calls = pending_calls(), Calls()
    put_score, put_board = pending.wrap(calls.score), pending.wrap(calls.board)

    def bring():
        for number in range(10_000):
            put_score(number)
            put_board(-number)

    await in_thread(bring)

    assert calls.made == [("score", 9_999), ("board", -9_999)]
    assert pending.merged == 2 * 9_999


async def test_items_that_wait_are_merged_as_the_function_wants():
    calls = Calls()
    put = pending_calls().wrap(calls.score, lambda waiting, new: (waiting + new)[-2:])
    await in_thread(lambda: [put([number]) for number in range(4)])
    await in_thread(lambda: put([9]))

    assert calls.made == [("score", [2, 3]), ("score", [9])]


async def test_a_beginning_drops_what_waits():
    pending, calls = pending_calls(), Calls()
    put, begin = pending.wrap(calls.score), pending.wrap_begin(calls.board)

    def bring():
        put("old")
        begin("topic")
        put("new")

    await in_thread(bring)

    assert calls.made == [("board", "topic"), ("score", "new")]

"""Events go out at once after a pause, then at a bounded rate; the newest always does."""

import asyncio

import pytest

from tests.support.until import until
from web.live.pace import LATE_SECONDS, Pacer

PAUSE = 0.1
BOARDS = {"board": PAUSE, "day": PAUSE}
OTHERS = {"score": 2.5 * PAUSE}


class Sent:
    """What a pacer has sent: the kinds of each moment, by the loop's clock."""

    def __init__(self, late=0.0):
        self.late = late
        self.moments = []
        self.pacer = Pacer(BOARDS, OTHERS, self._add, lambda: self.late)

    def _add(self, kinds):
        self.moments.append((asyncio.get_running_loop().time(), list(kinds)))

    def kinds(self):
        return [kinds for _, kinds in self.moments]

    async def load(self, seconds):
        """Request both kinds 20 times a pause, or what a busy machine can; return how often."""
        loop, times = asyncio.get_running_loop(), 0
        end = loop.time() + seconds
        while loop.time() < end:
            self.pacer.request("board")
            self.pacer.request("score")
            await asyncio.sleep(PAUSE / 20)
            times += 1
        return times


async def test_a_single_change_after_a_pause_is_sent_at_once():
    sent = Sent()
    for _ in range(2):
        sent.pacer.request("board")
        await asyncio.sleep(1.5 * PAUSE)  # the pause
    sent.pacer.request("score")

    assert sent.kinds() == [["board"], ["board"], ["score"]]


async def test_the_newest_goes_out_after_the_pause():
    sent = Sent()
    sent.pacer.request("board")
    sent.pacer.request("board")
    before = sent.kinds()
    await until(lambda: len(sent.moments) == 2)

    assert before == [["board"]]
    assert sent.moments[1][0] - sent.moments[0][0] >= PAUSE


async def test_under_load_boards_keep_their_rate_and_scores_go_with_them():
    sent = Sent()
    times = await sent.load(20 * PAUSE)

    boards = sum("board" in kinds for kinds in sent.kinds())
    scores = sum("score" in kinds for kinds in sent.kinds())
    assert times / 25 <= boards <= 21
    assert times / 60 <= scores <= 9
    assert ["score"] not in sent.kinds()[2:]


async def test_a_board_does_not_wait_for_scores():
    sent = Sent()
    sent.pacer.request("score")
    sent.pacer.request("score")
    sent.pacer.request("board")

    assert sent.kinds() == [["score"], ["board"]]


async def test_a_board_does_not_wait_for_another_board():
    sent = Sent()
    for kind in ("board", "board", "day"):
        sent.pacer.request(kind)

    assert sent.kinds() == [["board"], ["day"]]


async def test_a_late_loop_gets_fewer_sends_and_still_the_newest():
    sent = Sent(late=PAUSE)
    await sent.load(8 * PAUSE)
    count = len(sent.moments)
    sent.late = 0
    sent.pacer.request("board")
    await until(lambda: len(sent.moments) > count)

    assert 2 <= count <= 5


async def test_the_lateness_delays_by_a_second_at_most():
    sent = Sent(late=60)
    sent.pacer.request("board")
    sent.pacer.request("board")
    await until(lambda: len(sent.moments) == 2, 3 * LATE_SECONDS)

    assert sent.moments[1][0] - sent.moments[0][0] == pytest.approx(LATE_SECONDS, abs=0.5)


async def test_what_is_cancelled_or_comes_after_the_end_is_not_sent():
    sent = Sent()
    for kind in ("board", "board", "score", "score"):
        sent.pacer.request(kind)
    sent.pacer.cancel("score")
    sent.pacer.end()
    await asyncio.sleep(4 * PAUSE)  # longer than any pause

    assert sent.kinds() == [["board"]]

"""What becomes of a posted score, on a relay and a flow of the test's own."""

import asyncio

import pytest

from conf.settings import load
from dataflows.leaderboard import Board, Row
from dataflows.wire import encode_board
from web.live.feeds import Feeds
from web.posting.outcome import Best, PendingScore, Receipt, outcome

HERE = Receipt(3, 1_042)


@pytest.fixture
def feeds():
    return Feeds(load().web)


def expected(user=b"ann"):
    made = PendingScore(user)
    made.written(HERE)
    return made


def best(score, offset=HERE.offset, time=5, partition=HERE.partition, user=b"ann"):
    return Best(user, Receipt(partition, offset), score, time)


def show(feeds, *rows):
    board = Board("all-time", 9, 7, tuple(Row(rank, *row) for rank, row in enumerate(rows, 1)))
    feeds.put_boards([(f"topic:{feeds.board.given}", encode_board(board))])


async def became(feeds, it, size=2, seconds=0.2):
    return await asyncio.wait_for(outcome(it, feeds, size, seconds), 5)


async def test_its_own_message_makes_it_a_best_and_the_board_makes_it_top(feeds):
    it = expected()
    show(feeds, ("bob", 200, 1), ("eve", 100, 1))
    it.see(best(150))
    waiting = asyncio.create_task(became(feeds, it, seconds=5))
    await asyncio.sleep(0)
    show(feeds, ("bob", 200, 1), ("ann", 150, 5))

    assert await waiting == "top"


async def test_a_message_that_came_before_the_acknowledgement_counts(feeds):
    it = PendingScore(b"ann")
    it.see(best(150))
    it.written(HERE)
    show(feeds, ("ann", 150, 5))

    assert await became(feeds, it) == "top"


@pytest.mark.parametrize(
    ("score", "time"), [(99, 1), (100, 5), (100, 4)], ids=["lower", "later", "the same moment"]
)
async def test_a_best_that_ranks_behind_the_last_row_is_told_at_once(feeds, score, time):
    it = expected(b"zoe")
    show(feeds, ("bob", 200, 1), ("eve", 100, 4))
    it.see(best(score, time=time, user=b"zoe"))

    assert await became(feeds, it, seconds=60) == "best"


async def test_a_best_that_no_board_has_shown_in_time_is_a_best(feeds):
    it = expected()
    it.see(best(150))

    assert await became(feeds, it) == "best"


async def test_a_later_message_of_the_user_tells_that_it_is_counted_and_no_best(feeds):
    it = expected()
    it.see(best(900, offset=HERE.offset - 1))
    it.see(best(900, partition=HERE.partition + 1, offset=HERE.offset + 1))
    it.see(best(900, offset=HERE.offset + 1))

    assert await became(feeds, it) == "counted"


async def test_a_position_beyond_it_counts_only_once_all_written_by_then_is_read(feeds):
    it = expected()
    it.read({2: 10**9})
    it.passed(2, 50)
    it.read({2: 49})
    early = await became(feeds, it, seconds=0.05)
    it.passed(2, 60)
    it.read({2: 50})

    assert early == "received"
    assert await became(feeds, it) == "counted"


async def test_a_best_that_is_read_on_the_way_to_that_end_is_a_best(feeds):
    it = expected()
    show(feeds, ("bob", 200, 1), ("eve", 200, 4))
    it.passed(2, 50)
    it.see(best(150))
    it.read({2: 50})

    assert await became(feeds, it, seconds=60) == "best"


async def test_at_the_end_nobody_waits_any_longer(feeds):
    it = expected()
    waiting = asyncio.create_task(became(feeds, it, seconds=60))
    await asyncio.sleep(0)
    it.give_up()

    assert await waiting == "received"


async def test_the_end_of_the_streams_ends_the_wait_for_a_board_too(feeds):
    it = expected()
    it.see(best(150))
    waiting = asyncio.create_task(became(feeds, it, seconds=60))
    await asyncio.sleep(0)
    feeds.end()

    assert await waiting == "best"


async def test_a_client_that_leaves_is_not_taken_for_an_unknown_outcome(feeds):
    waiting = asyncio.create_task(outcome(expected(), feeds, 2, 60))
    await asyncio.sleep(0)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting

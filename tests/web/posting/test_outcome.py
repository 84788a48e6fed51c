"""The outcome of a posted score, with what Kafka would deliver put in by hand."""

import asyncio

import pytest

from conf.loading import load
from dataflows.leaderboard import Board, Row
from tests.support.boards import shown
from web.kafka.records import Best, News, Receipt
from web.live.feeds import Feeds
from web.posting.outcome import PendingScore, outcome
from web.posting.waiting import ScoreWatcher

HERE = Receipt(3, 1_042)


@pytest.fixture
def feeds():
    return Feeds(load().web)


def written(user=b"ann"):
    pending = PendingScore(user)
    pending.acknowledge(HERE)
    return pending


def best(score, offset=HERE.offset, time=5, partition=HERE.partition, user=b"ann"):
    return Best(user, Receipt(partition, offset), score, time)


def show(feeds, *rows):
    board = Board("all-time", 9, 7, tuple(Row(rank, *row) for rank, row in enumerate(rows, 1)))
    feeds.put_boards([shown(f"topic:{feeds.board.sent}", board)])


async def outcome_of(feeds, pending, size=2, seconds=0.2):
    return await asyncio.wait_for(outcome(pending, feeds, size, seconds), 5)


async def test_its_message_proves_a_best_and_the_board_makes_it_top(feeds):
    pending = written()
    show(feeds, ("bob", 200, 1), ("eve", 100, 1))
    pending.add_best(best(150))
    waiting = asyncio.create_task(outcome_of(feeds, pending, seconds=5))
    await asyncio.sleep(0)
    show(feeds, ("bob", 200, 1), ("ann", 150, 5))

    assert await waiting == "top"


async def test_a_message_before_the_acknowledgement_counts(feeds):
    pending = PendingScore(b"ann")
    pending.add_best(best(150))
    pending.acknowledge(HERE)
    show(feeds, ("ann", 150, 5))

    assert await outcome_of(feeds, pending) == "top"


@pytest.mark.parametrize(
    ("score", "time"), [(99, 1), (100, 5), (100, 4)], ids=["lower", "later", "the same moment"]
)
async def test_a_best_that_ranks_below_the_last_row_waits_for_no_board(feeds, score, time):
    pending = written(b"zoe")
    show(feeds, ("bob", 200, 1), ("eve", 100, 4))
    pending.add_best(best(score, time=time, user=b"zoe"))

    assert await outcome_of(feeds, pending, seconds=60) == "best"


async def test_a_best_that_no_board_shows_in_time_is_a_best(feeds):
    pending = written()
    pending.add_best(best(150))

    assert await outcome_of(feeds, pending) == "best"


async def test_a_message_for_a_later_score_of_the_user_proves_that_it_is_counted_and_no_best(feeds):
    pending = written()
    pending.add_best(best(900, offset=HERE.offset - 1))
    pending.add_best(best(900, partition=HERE.partition + 1, offset=HERE.offset + 1))
    pending.add_best(best(900, offset=HERE.offset + 1))

    assert await outcome_of(feeds, pending) == "counted"


async def test_a_position_past_it_proves_that_it_is_counted_once_everything_before_is_read(feeds):
    pending = written()
    pending.advance({2: 10**9})
    pending.set_counted(2, 50)
    pending.advance({2: 49})
    early = await outcome_of(feeds, pending, seconds=0.05)
    pending.set_counted(2, 60)
    pending.advance({2: 50})

    assert early == "received"
    assert await outcome_of(feeds, pending) == "counted"


async def test_a_partition_of_which_nothing_is_read_settles_nothing_and_hides_no_news_of_others():
    watcher, own = ScoreWatcher(), best(150, user=b"bob")
    with watcher.watch(b"ann") as ann, watcher.watch(b"bob") as bob:
        assert ann
        assert bob
        ann.acknowledge(Receipt(3, 7))
        bob.acknowledge(HERE)
        watcher.put(News((own,), {Receipt(3, 7): (5, 2)}, {0: 4}))
        found = await bob.wait(1)
        still_waits = ann.is_written()

    assert (found, still_waits) == (own, True)


async def test_a_best_that_is_read_before_that_end_is_a_best(feeds):
    pending = written()
    show(feeds, ("bob", 200, 1), ("eve", 200, 4))
    pending.set_counted(2, 50)
    pending.add_best(best(150))
    pending.advance({2: 50})

    assert await outcome_of(feeds, pending, seconds=60) == "best"


async def test_a_cancelled_wait_leaves_the_outcome_unknown(feeds):
    pending = written()
    waiting = asyncio.create_task(outcome_of(feeds, pending, seconds=60))
    await asyncio.sleep(0)
    pending.cancel()

    assert await waiting == "received"


async def test_the_end_of_the_streams_ends_the_wait_for_a_board(feeds):
    pending = written()
    pending.add_best(best(150))
    waiting = asyncio.create_task(outcome_of(feeds, pending, seconds=60))
    await asyncio.sleep(0)
    feeds.end()

    assert await waiting == "best"


async def test_a_client_that_leaves_cancels_the_wait(feeds):
    waiting = asyncio.create_task(outcome(written(), feeds, 2, 60))
    await asyncio.sleep(0)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_where_the_lowest_score_is_the_best_a_lower_one_makes_it_top(feeds):
    pending, other = written(), written(b"zoe")
    show(feeds, ("bob", 100, 1), ("eve", 200, 1))
    pending.add_best(best(150))
    other.add_best(best(250, user=b"zoe"))
    waiting = asyncio.create_task(outcome(pending, feeds, 2, 5, sign=-1))
    await asyncio.sleep(0)
    show(feeds, ("bob", 100, 1), ("ann", 150, 5))

    assert await asyncio.wait_for(waiting, 5) == "top"
    assert await asyncio.wait_for(outcome(other, feeds, 2, 60, sign=-1), 5) == "best"

"""What top5 finds on `top-5` when it starts, also where people have written or deleted there."""

import contextlib

import pytest

from dataflows.context import FlowContext
from dataflows.kafka.partitioner import partition_of
from dataflows.leaderboard import Board
from dataflows.periods import Calendar
from dataflows.process import Stopping
from dataflows.top5.published import read_published
from dataflows.top5.source import TableSource
from dataflows.wire import POSITIONS, encode_board, encode_positions
from tests.support.processes import open_game

DAY = {
    "LEADERBOARD_BOARDS": '["all-time", "day"]',
    "LEADERBOARD_TOPICS__HIGH_SCORES__PARTITIONS": "2",
    "LEADERBOARD_TOPICS__TOP_5__PARTITIONS": "2",
}


@pytest.fixture
def game(names, monkeypatch):
    with contextlib.closing(open_game({**names, **DAY}, monkeypatch)) as opened:
        yield opened


@pytest.fixture
def context(game):
    return FlowContext(game.settings, (*game.settings.tables, "top_5"), Stopping())


def board(period, *, final=False):
    return Board("day", 0, 1, (), period, final)


def home(board):
    return partition_of(board.key.encode(), 2)


def send(game, board, partition, table_id, *positions):
    headers = {POSITIONS: encode_positions(table_id, positions)}
    message = (board.key, encode_board(board))
    game.send(message, to="top_5", partition=partition, headers=headers)


def test_the_positions_of_a_board_are_the_greatest_that_were_shown_of_the_table_of_today(
    game, context
):
    """Whichever partition of `top-5` is read last."""
    now = context.topic("high_scores_day").id
    send(game, board("2026-11-25"), 0, now, 5, 2)
    send(game, board("2026-11-24"), 1, now, 3, 4)
    send(game, board("2026-11-23"), 1, "deleted", 9, 9)
    send(game, board("2026-11-22"), 1, now, 1)

    assert read_published(context).positions == {"day": (5, 4)}


def test_a_board_that_was_deleted_is_not_the_last_one(game, context):
    boards = [board("2026-11-24", final=True), board("2026-11-25", final=True)]
    for each in boards:
        send(game, each, home(each), "t", 1, 1)
    game.send(("day/2026-11-25", None), to="top_5", partition=home(boards[1]))

    assert read_published(context).boards.keys() == {"day/2026-11-24"}


def test_a_board_from_before_partitions_were_added_is_not_the_last_one(game, context):
    moved, here = board("2026-11-24"), board("2026-11-25")
    send(game, moved, 1 - home(moved), "t", 1, 1)
    send(game, here, home(here), "t", 1, 1)
    game.send((here.key, None), to="top_5", partition=1 - home(here))

    assert read_published(context).boards.keys() == {here.key}


def test_a_final_board_of_a_period_that_does_not_exist_stops_nothing(game, context):
    send(game, board("2026-13-99", final=True), 0, "t", 1, 1)
    source = TableSource(context, Calendar(["day"], "UTC", 24))
    read = source.build_part("high-scores", "day/000001", None)
    read.close()

"""A board of all shards, and the date that its changes give it."""

from dataflows.leaderboard import Board, Row
from dataflows.top5.board import ShardTop, date, merge
from dataflows.top5.ranking import Removal


def board(*rows, players=9, updated=0):
    return Board("all-time", players, updated, tuple(rows))


def test_an_empty_table_has_an_empty_board():
    assert merge("all-time", 5, [ShardTop(0, 1, 0, [], 0, [])]) == board(players=0)


def test_a_new_row_dates_the_board():
    last = board(Row(1, "ann", 9, 50), updated=50)
    now = board(Row(1, "ann", 9, 50), Row(2, "bob", 5, 70))

    assert date(now, last).updated == 70


def test_a_removal_dates_the_board_by_the_time_of_the_tombstone():
    last = board(Row(1, "ann", 9, 50), Row(2, "bob", 5, 40), updated=50)
    now = board(Row(1, "bob", 5, 40))

    assert date(now, last, [Removal(b"ann", 90), Removal(b"cid", 99)]).updated == 90


def test_a_board_that_lost_rows_while_nobody_looked_keeps_its_date():
    last = board(Row(1, "ann", 9, 50), Row(2, "bob", 5, 40), updated=60)

    assert date(board(Row(1, "bob", 5, 40)), last).updated == 60
    assert date(board(), last).rows == ()


def test_a_board_with_the_same_rows_keeps_its_date():
    last = board(Row(1, "ann", 9, 50), updated=60)

    assert date(board(Row(1, "ann", 9, 50), updated=50), last) == last
    assert date(last, last, [Removal(b"ann", 90)]) == last  # who came back as before

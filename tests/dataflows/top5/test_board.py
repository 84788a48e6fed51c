"""A board of all shards, and the date that its changes give it."""

from dataflows.leaderboard import Board, Row
from dataflows.top5.board import ShardTop, date, merge
from dataflows.top5.ranking import BoardRemoval


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

    assert date(now, last, [BoardRemoval(b"ann", 90), BoardRemoval(b"cid", 99)]).updated == 90


def test_a_removal_dates_later_boards_too_until_a_newer_row_comes():
    last = board(Row(1, "ann", 9, 50), updated=60)  # somebody was removed at 60

    assert date(board(Row(1, "ann", 9, 50), Row(2, "bob", 5, 55)), last).updated == 60
    assert date(board(Row(1, "ann", 9, 50), Row(2, "bob", 5, 70)), last).updated == 70


def test_a_score_with_a_wrong_clock_dates_no_board_that_does_not_show_it():
    last = board(Row(1, "odd", 99, 9_999), Row(2, "ann", 9, 50), updated=9_999)
    now = board(Row(1, "ann", 9, 50))

    assert date(now, last, [BoardRemoval(b"odd", 80)]).updated == 80
    assert date(board(Row(1, "bob", 100, 70), Row(2, "ann", 9, 50)), last).updated == 70


def test_a_board_that_lost_rows_while_nobody_looked_keeps_its_date():
    last = board(Row(1, "ann", 9, 50), Row(2, "bob", 5, 40), updated=60)

    assert date(board(Row(1, "bob", 5, 40)), last).updated == 60
    assert date(board(), last).rows == ()


def test_a_board_with_the_same_rows_keeps_its_date():
    last = board(Row(1, "ann", 9, 50), updated=60)

    assert date(board(Row(1, "ann", 9, 50), updated=50), last) == last
    assert date(last, last, [BoardRemoval(b"ann", 90)]) == last  # who came back as before

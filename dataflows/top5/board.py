"""A board from the best of all shards, and its date; pure."""

from collections.abc import Iterable
from heapq import nsmallest
from typing import NamedTuple

from dataflows.leaderboard import Board, row
from dataflows.top5.ranking import RankedUser, Removal


class ShardTop(NamedTuple):
    """The best of one of `shards` shards, after all messages before the offset `position`.

    `users` are at most as many as a board has rows, the best first; `players` counts all users of
    the shard; `removals` are those from its best since the last ShardTop.
    """

    shard: int
    shards: int
    position: int
    users: list[RankedUser]
    players: int
    removals: list[Removal]


class BoardUpdate(NamedTuple):
    """A board, the removals since the one before, and the position of each shard that it shows."""

    board: Board
    removals: list[Removal]
    positions: tuple[int, ...]


def merge(name: str, size: int, tops: Iterable[ShardTop]) -> Board:
    """Merge the best of all shards into one board; `updated` is that of its newest row."""
    tops = list(tops)
    best = nsmallest(size, (user for top in tops for user in top.users))
    rows = tuple(row(rank, *each) for rank, each in enumerate(best, 1))
    players = sum(top.players for top in tops)
    return Board(name, players, max((row.time for row in rows), default=0), rows)


def date(board: Board, last: Board | None, removals: Iterable[Removal] = ()) -> Board:
    """Return the board, dated by what changed its rows since the last one.

    It equals the last one where nothing changed, so it need not be published again. Where rows only
    left and their removals are unknown, as after a restart, it keeps the date.
    """
    if last is None:
        return board
    if board.rows == last.rows:
        return board._replace(updated=last.updated)
    shown = {row.user.encode(): (row.score, row.time) for row in last.rows}
    removed = [removal.time for removal in removals if removal.user in shown]
    added = [row.time for row in board.rows if shown.get(row.user.encode()) != row[2:]]
    return board._replace(updated=max([last.updated, *removed, *added]))

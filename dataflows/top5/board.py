"""A board from the best of all shards, and its date; pure."""

from collections.abc import Iterable
from heapq import nsmallest
from typing import NamedTuple

from dataflows.leaderboard import Board, row
from dataflows.periods import ALL_TIME
from dataflows.top5.ranking import BoardRemoval, RankedUser


class ShardTop(NamedTuple):
    """The best of a period in one of `shards` shards, after all messages before `position`.

    `users` are at most as many as a board has rows, the best first; `players` counts all users of
    the shard; `removals` are those from its best since the last ShardTop. The period of all time is
    named "". On a board by period, "" stands for no period: it says the position alone.
    """

    shard: int
    shards: int
    position: int
    users: list[RankedUser]
    players: int
    removals: list[BoardRemoval]
    board: str = ALL_TIME
    period: str = ""


class BoardUpdate(NamedTuple):
    """A board, the removals since the one before, and the position of each shard that it shows."""

    board: Board
    removals: list[BoardRemoval]
    positions: tuple[int, ...]


def merge(name: str, size: int, tops: Iterable[ShardTop], sign: int = 1) -> Board:
    """Merge the best of all shards into one board; `updated` is that of its newest row.

    `sign` is -1 where scores were negated, since the lowest is the best.
    """
    tops = list(tops)
    best = nsmallest(size, (user for top in tops for user in top.users))
    rows = tuple(row(rank, *each, sign) for rank, each in enumerate(best, 1))
    players = sum(top.players for top in tops)
    board = Board(name, players, 0, rows)
    return board._replace(updated=_newest(board))


def date(board: Board, last: Board | None, removals: Iterable[BoardRemoval] = ()) -> Board:
    """Return the board, dated by the newest of its rows and of the removals that changed it.

    It equals the last one where nothing changed, so it need not be published again. A date that no
    row of the last board explains is that of a removal, and stays. So one score with a wrong clock
    dates the boards that show it, and no later ones.
    """
    if last is None:
        return board
    if board.rows == last.rows:
        return board._replace(updated=last.updated)
    removed = last.updated if last.updated > _newest(last) else 0
    shown = {row.user.encode() for row in last.rows}
    times = (removal.time for removal in removals if removal.user in shown)
    return board._replace(updated=max(removed, _newest(board), *times))


def _newest(board: Board) -> int:
    return max((row.time for row in board.rows), default=0)

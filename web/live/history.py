"""The leaders of the last ten minutes, for a page that has just connected; pure.

A page that stays connected adds later boards itself.
"""

from typing import NamedTuple

import msgspec

from dataflows.leaderboard import Board, Row
from web.live import sized

BOARDS = 120  # at most
SPAN_MS = 10 * 60_000  # from the first to the last, at most
APART_MS = 2_000  # between two, at least: of boards that change faster the newest is kept
ROWS = 5  # of each board
EMPTY = b'{"boards":[]}'


class _Encoded(NamedTuple):
    time: int  # in milliseconds since the epoch
    document: bytes


class History:
    """Boards of the last 10 minutes: at most 120, at most 60 KiB, two seconds apart or more.

    When there are more, they are thinned out evenly.
    """

    def __init__(self) -> None:
        self._boards: list[_Encoded] = []
        self._bytes = len(EMPTY)  # of the document, with a comma more
        self._rows: tuple[Row, ...] = ()

    def add(self, board: Board, time: int) -> None:
        """Add a board that was shown from `time` on, in order; one with the same rows is skipped.

        A board within two seconds of the last replaces it and takes over its time, so that the
        newest is always there.
        """
        rows = board.rows[:ROWS]
        if rows == self._rows:
            return
        self._rows = rows
        if self._boards and time - self._boards[-1].time < APART_MS:
            time = self._drop(-1).time
        encoded = _Encoded(time, _encode(time, rows))
        self._boards.append(encoded)
        self._bytes += len(encoded.document) + 1
        self._drop_surplus(time)

    def document(self) -> bytes:
        """Encode all boards, oldest first, as the data of an event."""
        return b'{"boards":[%b]}' % b",".join(board.document for board in self._boards)

    def _drop_surplus(self, now: int) -> None:
        """Drop what is too old or too long; of too many, the board that leaves the least gap."""
        boards = self._boards
        while len(boards) > 1 and (self._bytes > sized.BYTES or now - boards[0].time > SPAN_MS):
            self._drop(0)
        if len(boards) > BOARDS:
            gaps = [later.time - one.time for one, later in zip(boards, boards[2:], strict=False)]
            self._drop(1 + gaps.index(min(gaps)))

    def _drop(self, index: int) -> _Encoded:
        board = self._boards.pop(index)
        self._bytes -= len(board.document) + 1
        return board


def _encode(time: int, rows: tuple[Row, ...]) -> bytes:
    """Encode a board, with as many of its rows as fit."""
    shown = [{"user": row.user, "score": str(row.score)} for row in rows]
    document = msgspec.json.encode({"time": time, "rows": shown})
    return document if len(document) + len(EMPTY) < sized.BYTES else _encode(time, rows[:-1])

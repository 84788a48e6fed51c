"""Events that every client can take: many read a line of 64 KiB at most; pure."""

from dataflows.leaderboard import Board
from dataflows.wire import encode_board

BYTES = 60 * 1024  # of the data of an event, at most


def fit(board: Board, document: bytes) -> bytes:
    """Return the document of a board, with as many of its rows as fit."""
    while len(document) > BYTES:
        rows = len(board.rows) * BYTES // len(document)
        board = board._replace(rows=board.rows[: min(rows, len(board.rows) - 1)])
        document = encode_board(board)
    return document

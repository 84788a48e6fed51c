"""How the leaders came about over the last minutes, pure: what a new page draws before it watches.

A page that stays adds later boards itself.
"""

from typing import NamedTuple

import msgspec

from dataflows.leaderboard import Board, Row

MOMENTS = 120  # at most
SPAN_MS = 10 * 60_000  # from the first to the last, at most
APART_MS = 2_000  # between two, at least: of what changed faster the newest is kept
ROWS = 5  # of each
BYTES = 64 * 1024  # of all together, about: names can be long


class _Moment(NamedTuple):
    time: int  # in milliseconds since the epoch
    document: msgspec.Raw


class Story:
    """Boards of the last 10 minutes, at most 120 and 64 kB of them, two seconds apart or more.

    Where more have come, they are thinned out evenly.
    """

    def __init__(self) -> None:
        self._moments: list[_Moment] = []
        self._bytes = 0
        self._rows: tuple[Row, ...] = ()

    def add(self, board: Board, time: int) -> bool:
        """Take a board as it was from `time` on, after all earlier ones; say whether that is news.

        One with the rows of the last is none. One within two seconds after the last takes its place
        and its time, so that the newest is always there.
        """
        rows = board.rows[:ROWS]
        if rows == self._rows:
            return False
        self._rows = rows
        if self._moments and time - self._moments[-1].time < APART_MS:
            time = self._drop(-1).time
        moment = _Moment(time, _encode(time, rows))
        self._moments.append(moment)
        self._bytes += len(moment.document)
        self._forget(time)
        return True

    def document(self) -> bytes:
        """Write all of it, oldest first, as the data of an event."""
        boards = b",".join(moment.document for moment in self._moments)
        return b'{"boards":[%b]}' % boards

    def _forget(self, now: int) -> None:
        """Drop what is too old or too long, and of too many the one that leaves the least gap."""
        moments = self._moments
        while len(moments) > 1 and (self._bytes > BYTES or now - moments[0].time > SPAN_MS):
            self._drop(0)
        if len(moments) > MOMENTS:
            gaps = [later.time - one.time for one, later in zip(moments, moments[2:], strict=False)]
            self._drop(1 + gaps.index(min(gaps)))

    def _drop(self, place: int) -> _Moment:
        moment = self._moments.pop(place)
        self._bytes -= len(moment.document)
        return moment


def _encode(time: int, rows: tuple[Row, ...]) -> msgspec.Raw:
    shown = [{"user": row.user, "score": str(row.score)} for row in rows]
    return msgspec.Raw(msgspec.json.encode({"time": time, "rows": shown}))

"""The three streams: what the relays bring becomes chunks, each encoded once, ready to be sent."""

import time
from collections.abc import Hashable, Iterable

from conf.settings import Web
from dataflows.leaderboard import Board
from dataflows.messages import BadMessage, decode_board
from web import sse
from web.broadcast import Broadcast, Times
from web.latest import Latest, Score, encode

NO_BOARD = Board("all-time", 0, 0, ())  # until the first has come


class Feeds:
    """The streams `board`, `scores` and `live` (both, as named events), and what they show now.

    Every method is called on the event loop.
    """

    def __init__(self, web: Web) -> None:
        times = Times(web.heartbeat_seconds, web.stall_seconds)
        self.board = Broadcast(sse.HEARTBEAT, times)
        self.scores = Broadcast(sse.HEARTBEAT, times)
        self.live = Broadcast(sse.HEARTBEAT, times)
        self.newest_board = NO_BOARD
        self.bad_boards = 0
        self._latest = Latest()
        self._board_event: dict[Hashable, bytes] = {}
        self._live_board: dict[Hashable, bytes] = {}
        self._live_scores: dict[Hashable, bytes] = {}

    def streams(self) -> tuple[Broadcast, Broadcast, Broadcast]:
        """Give all streams."""
        return self.board, self.scores, self.live

    def newest_scores(self) -> list[Score]:
        """Give the last scores, oldest first."""
        return list(self._latest.scores().values())

    def put_boards(self, boards: list[tuple[str, bytes]]) -> None:
        """Take boards, as their events' ids and data, oldest first; the newest is shown.

        The data go out as they are, so the bytes are the same in every process.
        """
        event_id, document = boards[-1]
        try:
            self.newest_board = decode_board(document)
        except BadMessage:
            self.bad_boards += 1
            return
        self.board.publish({event_id: sse.event(document, event_id=event_id)})
        self._live_board = {event_id: sse.event(document, name="board", event_id=event_id)}
        self._publish_live()

    def put_scores(self, scores: Iterable[Score]) -> None:
        """Take scores, in any order."""
        if not self._latest.add(scores, time.time_ns() // 1_000_000):
            return
        documents = {place: encode(score) for place, score in self._latest.scores().items()}
        self.scores.publish({place: sse.event(it) for place, it in documents.items()})
        self._live_scores = {place: sse.event(it, name="score") for place, it in documents.items()}
        self._publish_live()

    def end(self) -> None:
        """End every stream."""
        for stream in self.streams():
            stream.end()

    def _publish_live(self) -> None:
        self.live.publish({**self._live_board, **self._live_scores})

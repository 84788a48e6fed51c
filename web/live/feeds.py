"""The three streams: what the relays bring becomes chunks, each encoded once, ready to be sent."""

import asyncio
import logging
import time
from collections.abc import Hashable, Iterable
from contextlib import suppress

from conf.settings import Web
from dataflows.leaderboard import Board
from dataflows.messages import BadMessage, decode_board
from web.live import freshness, ids, rate, recent, sse
from web.live.freshness import Status, explain
from web.live.history import Story
from web.live.hub import Hub, Times
from web.live.rate import Ends, Rates
from web.live.recent import Latest, Score

log = logging.getLogger(__name__)

NO_BOARD = Board("all-time", 0, 0, ())  # until the first has come

LIVE = ("status", "board", "score", "rate")  # the named events of `live`, in this order

Chunks = dict[Hashable, bytes]


class Feeds:
    """The streams `board`, `scores` and `live` (all, as named events), and what they show now.

    Every method is called on the event loop.
    """

    def __init__(self, web: Web) -> None:
        times = Times(web.heartbeat_seconds, web.stall_seconds)
        self.board = Hub(lambda: sse.HEARTBEAT, times)
        self.scores = Hub(lambda: sse.HEARTBEAT, times)
        self.live = Hub(beat, times)
        self.newest_board = NO_BOARD
        self.newest_document = b""  # of that board, as it stands on the topic
        self.newest_id = ""  # of that board, "" until the first has come
        self.bad_boards = 0
        self._news = asyncio.Event()  # set at the next board or the end, then replaced
        self._latest = Latest()
        self._rates = Rates()
        self.status: Status | None = None  # before the first
        self._story = Story()
        self._live_parts: dict[str, Chunks] = {name: {} for name in LIVE}

    def streams(self) -> tuple[Hub, Hub, Hub]:
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
            board = decode_board(document)
        except BadMessage:
            self.bad_boards += 1
            return
        self._tell(boards, board)
        self.newest_board, self.newest_document, self.newest_id = board, document, event_id
        self._tell_waiting()
        self.board.publish({event_id: sse.event(document, event_id=event_id)})
        self._publish_live(
            "board", {event_id: sse.event(document, name="board", event_id=event_id)}
        )

    def put_scores(self, scores: Iterable[Score]) -> None:
        """Take scores, in any order."""
        if not self._latest.add(scores, _now_ms()):
            return
        shown = self._latest.scores().items()
        documents = {place: recent.encode(score) for place, score in shown}
        self.scores.publish({place: sse.event(it) for place, it in documents.items()})
        self._publish_live(
            "score", {place: sse.event(it, name="score") for place, it in documents.items()}
        )

    def put_ends(self, ends: Ends) -> None:
        """Take where the partitions of `scores` end, once a second or so."""
        if self._rates.put(ends):
            self._publish_live(
                "rate",
                {
                    ("rate", each.time): sse.event(rate.encode(each), name="rate")
                    for each in self._rates.rates()
                },
            )

    def put_status(self, status: Status) -> None:
        """Take whether the board is the newest; what has not changed is not sent."""
        if status != self.status:
            self.status = status
            log.log(logging.WARNING if status.problems else logging.INFO, "%s", explain(status))
            event = sse.event(freshness.encode(status), name="status")
            self._publish_live("status", {("status",): event})

    def story(self, resume: str) -> bytes:
        """Give how the leaders came about, for who saw the board `resume` last.

        Nothing for who saw the newest: it has missed nothing.
        """
        if resume and resume == self.newest_id:
            return b""
        return sse.event(self._story.document(), name="story")

    def is_behind(self, resume: str) -> bool:
        """Say whether who saw the board `resume` saw one that this process does not have yet."""
        if self.board.ended or not resume:
            return False
        if not self.newest_id:
            return self.is_stale()  # it has not read yet
        return ids.is_newer(resume, self.newest_id)

    def is_stale(self) -> bool:
        """Say whether the board may be old."""
        return self.status is None or self.status.stale_since is not None

    async def next_board(self) -> None:
        """Wait for a new board, or for the end of the streams."""
        await self._news.wait()

    def end(self) -> None:
        """End every stream."""
        for stream in self.streams():
            stream.end()
        self._tell_waiting()

    def _tell(self, boards: list[tuple[str, bytes]], newest: Board) -> None:
        """Add to the story: what stood there at the start as of then, what came later as of now."""
        if self.newest_id:
            self._story.add(newest, _now_ms())
            return
        for _, document in boards:
            with suppress(BadMessage):
                board = decode_board(document)
                self._story.add(board, min(board.updated, _now_ms()))

    def _tell_waiting(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _publish_live(self, name: str, chunks: Chunks) -> None:
        self._live_parts[name] = chunks
        self.live.publish(
            {key: chunk for part in self._live_parts.values() for key, chunk in part.items()}
        )


def beat() -> bytes:
    """Write a `beat`, the heartbeat of `live`: browsers do not see a comment."""
    return sse.event(b'{"time":%d}' % _now_ms(), name="beat")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

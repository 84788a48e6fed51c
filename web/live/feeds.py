"""The three streams: each event is encoded once, from what the topic readers deliver."""

import asyncio
import logging
import time
from collections.abc import Hashable, Iterable
from contextlib import suppress

from conf.settings import Web
from dataflows.leaderboard import Board
from dataflows.wire import BadMessage, decode_board
from web.live import freshness, rate, recent, sse
from web.live.freshness import Status
from web.live.history import History
from web.live.hub import Hub, Times
from web.live.rate import EndOffsets, RateMeter
from web.live.recent import RecentScores, Score

log = logging.getLogger(__name__)

NO_BOARD = Board("all-time", 0, 0, ())  # until the first arrives

LIVE = ("status", "board", "score", "rate")  # the state of `live` has their events in this order

Chunks = dict[Hashable, bytes]


class Feeds:
    """The streams `board`, `scores` and `live` (both and more, as named events) and their state.

    Every method is called on the event loop.
    """

    def __init__(self, web: Web) -> None:
        times = Times(web.heartbeat_seconds, web.stall_seconds)
        self.board = Hub(lambda: sse.HEARTBEAT, times)
        self.scores = Hub(lambda: sse.HEARTBEAT, times)
        self.live = Hub(beat, times)
        self.newest_board = NO_BOARD
        self.newest_document = b""  # of that board, as it is on the topic
        self.newest_id = ""  # of that board, "" until the first arrives
        self.bad_boards = 0  # ever
        self.status: Status | None = None  # None until the first is known
        self._board_changed = asyncio.Event()  # set at each new board and at the end, then replaced
        self._boards_topic = self._scores_topic = ""  # the ids of the topics that are read
        self._recent = RecentScores()
        self._rate_meter = RateMeter()
        self._history = History()
        self._live_chunks: dict[str, Chunks] = {name: {} for name in LIVE}

    def newest_scores(self) -> list[Score]:
        """Return the last scores, oldest first."""
        return list(self._recent.scores().values())

    def begin_boards(self, topic_id: str) -> None:
        """Note which `top-5` is read from now on; of an earlier one nothing is kept."""
        if topic_id == self._boards_topic:
            return
        self._boards_topic = topic_id
        self.newest_board, self.newest_document, self.newest_id = NO_BOARD, b"", ""
        self._history = History()
        self.board.publish({})
        self._publish_live("board", {})

    def begin_scores(self, topic_id: str) -> None:
        """Note which `scores` is read from now on; of an earlier one nothing is kept."""
        if topic_id == self._scores_topic:
            return
        self._scores_topic = topic_id
        self._recent = RecentScores()
        self.scores.publish({})
        self._publish_live("score", {})

    def put_boards(self, boards: list[tuple[str, bytes]]) -> None:
        """Publish the last of these boards, given as event ids and documents, oldest first.

        A document is sent as it is on the topic: the same bytes in every process.
        """
        event_id, document = boards[-1]
        try:
            board = decode_board(document)
        except BadMessage:
            self.bad_boards += 1
            return
        self._add_to_history(boards, board)
        self.newest_board, self.newest_document, self.newest_id = board, document, event_id
        self._wake_waiting()
        self.board.publish({event_id: sse.event(document, event_id=event_id)})
        event = sse.event(document, name="board", event_id=event_id)
        self._publish_live("board", {event_id: event})

    def put_scores(self, scores: Iterable[Score]) -> None:
        """Publish scores, in any order."""
        if not self._recent.add(scores, _now_ms()):
            return
        documents = {key: recent.encode(score) for key, score in self._recent.scores().items()}
        self.scores.publish({key: sse.event(it) for key, it in documents.items()})
        events: Chunks = {key: sse.event(it, name="score") for key, it in documents.items()}
        self._publish_live("score", events)

    def put_ends(self, ends: EndOffsets) -> None:
        """Publish the rate that follows from the end offsets of `scores`, given once a second."""
        if self._rate_meter.update(ends):
            rates = self._rate_meter.rates()
            events: Chunks = {it.time: sse.event(rate.encode(it), name="rate") for it in rates}
            self._publish_live("rate", events)

    def put_status(self, status: Status) -> None:
        """Publish and log whether the board is the newest, if that has changed."""
        if status != self.status:
            self.status = status
            level = logging.WARNING if status.problems else logging.INFO
            log.log(level, "%s", "; ".join(status.problems) or "the newest board is shown")
            event = sse.event(freshness.encode(status), name="status")
            self._publish_live("status", {"status": event})

    def history(self, resume: str) -> bytes:
        """Return the event of the leaders so far, for a client whose last board is `resume`.

        Nothing if that is the newest board: the client has missed nothing.
        """
        if resume and resume == self.newest_id:
            return b""
        return sse.event(self._history.document(), name="story")

    def is_behind(self, resume: str) -> bool:
        """Return whether the board `resume` is newer than any that this process has read."""
        if self.board.ended or not resume:
            return False
        if not self.newest_id:
            return self.is_stale()  # until the topic is read, nothing is known
        return sse.is_newer(resume, self.newest_id)

    def is_stale(self) -> bool:
        """Return whether the board may be outdated."""
        return self.status is None or self.status.stale_since is not None

    async def next_board(self, seconds: float) -> None:
        """Wait for a new board or the end of the streams, at most so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._board_changed.wait(), seconds)

    def end(self) -> None:
        """End every stream."""
        for hub in (self.board, self.scores, self.live):
            hub.end()
        self._wake_waiting()

    def _add_to_history(self, boards: list[tuple[str, bytes]], newest: Board) -> None:
        """Add the newest board as of now; at the start, each earlier one as of its own time."""
        if self.newest_id:
            self._history.add(newest, _now_ms())
            return
        for _, document in boards:
            with suppress(BadMessage):
                board = decode_board(document)
                self._history.add(board, min(board.updated, _now_ms()))

    def _wake_waiting(self) -> None:
        self._board_changed.set()
        self._board_changed = asyncio.Event()

    def _publish_live(self, name: str, chunks: Chunks) -> None:
        self._live_chunks[name] = chunks
        self.live.publish(
            {key: chunk for each in self._live_chunks.values() for key, chunk in each.items()}
        )


def beat() -> bytes:
    """Write a `beat`, the heartbeat of `live`: browsers do not see a comment."""
    return sse.event(b'{"time":%d}' % _now_ms(), name="beat")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

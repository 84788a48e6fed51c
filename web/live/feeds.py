"""The three streams: each event is encoded once, from what the topic readers deliver."""

import asyncio
import logging
import time
from collections.abc import Collection, Hashable, Iterable, Sequence
from contextlib import suppress

from conf.settings import Web
from dataflows.leaderboard import Board
from dataflows.wire import BadMessage, decode_board
from web.live import freshness, rate, recent, sized, sse
from web.live.freshness import Status
from web.live.history import History
from web.live.hub import Hub, Times
from web.live.lateness import Lateness
from web.live.pace import Pacer
from web.live.rate import EndOffsets, RateMeter
from web.live.recent import RecentScores, Score

log = logging.getLogger(__name__)

NO_BOARD = Board("all-time", 0, 0, ())  # until the first arrives

LIVE = ("status", "board", "score", "rate")  # the state of `live` has their events in this order
SCORE_PAUSE_SECONDS = 0.25
RATE_PAUSE_SECONDS = 1.0

Chunks = dict[Hashable, bytes]


class Feeds:
    """The streams `board`, `scores` and `live` (both and more, as named events) and their state.

    Boards, scores and rates are paced: what is here is what was sent. Every method is called on the
    event loop.
    """

    def __init__(self, web: Web) -> None:
        self._times = Times(web.heartbeat_seconds, web.stall_seconds)
        self.board = Hub(lambda: sse.HEARTBEAT, self._times)
        self.scores = Hub(lambda: sse.HEARTBEAT, self._times)
        self.live = Hub(beat, self._times)
        self._live_hubs = {frozenset(LIVE): self.live}  # by their events
        self.newest_board = NO_BOARD
        self.newest_document = b""  # of that board, as it is on the topic
        self.newest_id = ""  # of that board, "" until the first arrives
        self.newest_scores: list[Score] = []  # the last ten, oldest first
        self.status: Status | None = None  # None until the first is known
        self._board_changed = asyncio.Event()  # set at each new board and at the end, then replaced
        self._boards_topic = self._scores_topic = ""  # the ids of the topics that are read
        self._recent = RecentScores()
        self._rate_meter = RateMeter()
        self._history = History()
        self._story = b""  # the event of the history, "" until somebody wants it
        self._live_chunks: dict[str, Chunks] = {name: {} for name in LIVE}
        self._boards: list[tuple[str, bytes]] = []  # that wait to be sent
        self.lateness = Lateness()
        pause = 1 / web.updates_per_second if web.updates_per_second else 0.0
        self.pacer = Pacer(
            {"board": pause, "score": SCORE_PAUSE_SECONDS, "rate": RATE_PAUSE_SECONDS},
            self._send,
            lambda: self.lateness.seconds,
        )

    def live_of(self, events: Collection[str]) -> Hub:
        """Return the stream that has only these events of `live`; one with all is `live` itself."""
        wanted = frozenset(LIVE).intersection(events)
        if wanted not in self._live_hubs:
            hub = self._live_hubs[wanted] = Hub(beat, self._times)
            self._publish_to(hub, wanted)
            if self.live.ended:
                hub.end()
        return self._live_hubs[wanted]

    def live_hubs(self) -> list[Hub]:
        """Return every stream of `live`: one for each choice of events, at most 16."""
        return list(self._live_hubs.values())

    def begin_boards(self, topic_id: str) -> None:
        """Note which `top-5` is read from now on; of an earlier one nothing is kept."""
        if topic_id == self._boards_topic:
            return
        self._boards_topic = topic_id
        self.pacer.cancel("board")
        self.newest_board, self.newest_document, self.newest_id = NO_BOARD, b"", ""
        self._boards, self._history, self._story = [], History(), b""
        self.board.publish({})
        self._publish_live(board={})

    def begin_scores(self, topic_id: str) -> None:
        """Note which `scores` is read from now on; of an earlier one nothing is kept."""
        if topic_id == self._scores_topic:
            return
        self._scores_topic = topic_id
        self.pacer.cancel("score")
        self._recent, self.newest_scores = RecentScores(), []
        self.scores.publish({})
        self._publish_live(score={})

    def put_boards(self, boards: Sequence[tuple[str, bytes]]) -> None:
        """Publish the last of these boards, given as event ids and documents, oldest first.

        A document is sent as it is on the topic: the same bytes in every process. Each can be read.
        """
        self._boards = newest_boards(self._boards, boards)
        self.pacer.request("board")

    def put_scores(self, scores: Iterable[Score]) -> None:
        """Publish scores, in any order."""
        if self._recent.add(scores, _now_ms()):
            self.pacer.request("score")

    def put_ends(self, ends: EndOffsets) -> None:
        """Publish the rate that follows from the end offsets of `scores`, given once a second."""
        if self._rate_meter.update(ends):
            self.pacer.request("rate")

    def put_status(self, status: Status) -> None:
        """Publish and log whether the board is the newest, if that has changed."""
        if status != self.status:
            self.status = status
            level = logging.WARNING if status.problems else logging.INFO
            log.log(level, "%s", "; ".join(status.problems) or "the newest board is shown")
            event = sse.event(freshness.encode(status), name="status")
            self._publish_live(status={"status": event})

    def history(self, resume: str) -> bytes:
        """Return the event of the leaders so far, for a client whose last board is `resume`.

        Nothing if that is the newest board: the client has missed nothing.
        """
        if resume and resume == self.newest_id:
            return b""
        if not self._story:
            self._story = sse.event(self._history.document(), name="story")
        return self._story

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
        self.pacer.end()
        self.lateness.stop()
        for hub in (self.board, self.scores, *self.live_hubs()):
            hub.end()
        self._wake_waiting()

    def _send(self, kinds: Sequence[str]) -> None:
        """Send the newest of these kinds; on `live` all in one write."""
        encode = {"board": self._send_board, "score": self._send_scores, "rate": self._rates}
        self._publish_live(**{kind: encode[kind]() for kind in kinds})

    def _send_board(self) -> Chunks:
        boards, self._boards = self._boards, []
        event_id, document = boards[-1]
        board = decode_board(document)
        self._add_to_history(boards, board)
        self.newest_board, self.newest_document, self.newest_id = board, document, event_id
        self._wake_waiting()
        shown = sized.fit(board, document)
        self.board.publish({event_id: sse.event(shown, event_id=event_id)})
        return {event_id: sse.event(shown, name="board", event_id=event_id)}

    def _send_scores(self) -> Chunks:
        self.newest_scores = list(self._recent.scores().values())
        documents = {key: recent.encode(score) for key, score in self._recent.scores().items()}
        self.scores.publish({key: sse.event(it) for key, it in documents.items()})
        return {key: sse.event(it, name="score") for key, it in documents.items()}

    def _rates(self) -> Chunks:
        rates = self._rate_meter.rates()
        return {it.time: sse.event(rate.encode(it), name="rate") for it in rates}

    def _add_to_history(self, boards: Sequence[tuple[str, bytes]], newest: Board) -> None:
        """Add the newest board as of now; at the start, each earlier one as of its own time."""
        self._story = b""
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

    def _publish_live(self, **chunks: Chunks) -> None:
        self._live_chunks.update(chunks)
        for events, hub in self._live_hubs.items():
            if not events.isdisjoint(chunks):
                self._publish_to(hub, events)

    def _publish_to(self, hub: Hub, events: Collection[str]) -> None:
        chosen = [chunks for name, chunks in self._live_chunks.items() if name in events]
        hub.publish({key: chunk for chunks in chosen for key, chunk in chunks.items()})


def newest_boards(
    waiting: Sequence[tuple[str, bytes]], boards: Sequence[tuple[str, bytes]]
) -> list[tuple[str, bytes]]:
    """Return what is left of boards that wait when these come: the past, and the newest."""
    return [*waiting[:-1], boards[-1]] if waiting else list(boards)


def beat() -> bytes:
    """Write a `beat`, the heartbeat of `live`: browsers do not see a comment."""
    return sse.event(b'{"time":%d}' % _now_ms(), name="beat")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

"""All streams: each event is encoded once, from what the topic readers deliver."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress

from conf.settings import Web
from dataflows.leaderboard import Board
from dataflows.periods import ALL_TIME, Calendar
from web.clock import now_ms
from web.live import freshness, rate, recent, sse
from web.live.board import BoardFeed, Chunks, Shown
from web.live.freshness import BoardLag, Status
from web.live.hub import Hub, Times
from web.live.lateness import Lateness
from web.live.pace import Pacer
from web.live.rate import EndOffsets, RateMeter
from web.live.recent import RecentScores, Removal, Score

log = logging.getLogger(__name__)

SCORE_PAUSE_SECONDS = 0.25
RATE_PAUSE_SECONDS = 1.0


class Feeds:
    """The streams of each board, and those of the scores.

    Boards, scores and rates are paced: what is here is what was sent. Every method is called on the
    event loop.

    Args:
        web: The settings.
        calendar: The boards by period; None: only that of all time.
        lag: Finds out whether top5 writes the board.
    """

    def __init__(
        self, web: Web, calendar: Calendar | None = None, lag: BoardLag | None = None
    ) -> None:
        calendar = calendar or Calendar((), "UTC", 0)
        times = Times(web.heartbeat_seconds, web.stall_seconds)
        names = (ALL_TIME, *calendar.boards)
        self.boards = {name: BoardFeed(name, calendar, times) for name in names}
        self.all_time = self.boards[ALL_TIME]
        self.board = self.all_time.board
        self.scores = Hub(lambda: sse.HEARTBEAT, times)
        self.newest_scores: list[Score] = []  # the last ten, oldest first
        self.status: Status | None = None  # None until the first is known
        self._was_ready = False  # ever
        self._board_changed = asyncio.Event()  # set at each new board and at the end, then replaced
        self._boards_topic = self._scores_topic = ""  # the ids of the topics that are read
        self.has_read_boards = False  # what was on that topic at first
        self._recent = RecentScores()
        self._rate_meter = RateMeter()
        self.lateness = Lateness()
        self.lag = lag or BoardLag()
        pause = 1 / web.updates_per_second if web.updates_per_second else 0.0
        self._kinds = {_kind(name): feed for name, feed in self.boards.items()}
        self.pacer = Pacer(
            dict.fromkeys(self._kinds, pause),
            {"score": SCORE_PAUSE_SECONDS, "rate": RATE_PAUSE_SECONDS},
            self._send,
            lambda: self.lateness.seconds,
        )

    @property
    def newest_board(self) -> Board:
        """The board of all time, as it was sent last; empty until the first."""
        return self.all_time.newest.board

    def problems(self) -> list[str]:
        """Return whether this process is late, and whether top5 is: a sentence, or ""."""
        return [self.lateness.problem(), self.lag.problem()]

    def live_hubs(self) -> list[Hub]:
        """Return every stream of `live`, of all boards."""
        return [hub for feed in self.boards.values() for hub in feed.live_hubs()]

    def begin_boards(self, topic_id: str) -> None:
        """Note which `top-5` is read from now on; of an earlier one nothing is kept."""
        if topic_id == self._boards_topic:
            return
        self._boards_topic, self.has_read_boards = topic_id, False
        for kind, feed in self._kinds.items():
            self.pacer.cancel(kind)
            feed.clear(topic_id)

    def begin_scores(self, topic_id: str) -> None:
        """Note which `scores` is read from now on; of an earlier one nothing is kept."""
        if topic_id == self._scores_topic:
            return
        self._scores_topic = topic_id
        self.pacer.cancel("score")
        self._recent, self.newest_scores = RecentScores(), []
        self.scores.publish({})
        self._publish_live(score={})

    def put_past(self, boards: Sequence[Shown]) -> None:
        """Publish what is on the topic at first: the last minutes of each board and period."""
        for shown in boards:
            self.boards[shown.board.board].put_past(shown.board)
        self.put_boards(boards)

    def put_boards(self, boards: Sequence[Shown]) -> None:
        """Publish the last of each board, oldest first.

        A document is sent as it is on the topic: the same bytes in every process.
        """
        changed: set[str] = set()
        if not self.has_read_boards:  # periods without a message are shown from now on
            self.has_read_boards = True
            changed = {kind for kind, feed in self._kinds.items() if feed.period.name}
        for shown in boards:
            if self.boards[shown.board.board].put(shown):
                changed.add(_kind(shown.board.board))
        for kind in changed:
            self.pacer.request(kind)
        self._wake_waiting()

    def turn(self, now: int) -> None:
        """Show the periods of a time, in milliseconds: call it again and again."""
        for kind, feed in self._kinds.items():
            if feed.turn(now) and self.has_read_boards:
                self.pacer.request(kind)

    def put_scores(self, scores: Iterable[Score]) -> None:
        """Publish scores, in any order."""
        if self._recent.add(scores, now_ms()):
            self.pacer.request("score")

    def remove_scores(self, removals: Iterable[Removal]) -> None:
        """Show scores of removed users no more, and tell clients of `live` that have them."""
        if self._recent.remove(removals):
            self.pacer.request("score")

    def put_ends(self, ends: EndOffsets) -> None:
        """Publish the rate that follows from the end offsets of `scores`, given once a second."""
        if self._rate_meter.update(ends):
            self.pacer.request("rate")

    def put_status(self, status: Status) -> None:
        """Publish and log whether the board is the newest, if that has changed."""
        if status != self.status:
            self.status = status
            self._was_ready = self._was_ready or not status.problems
            is_problem = status.problems and self._was_ready  # until then the app starts
            level = logging.WARNING if is_problem else logging.INFO
            log.log(level, "%s", "; ".join(status.problems) or "the newest board is shown")
            event = sse.event(freshness.encode(status), name="status")
            self._publish_live(status={"status": event})

    def is_behind(self, resume: str, known_id: str) -> bool:
        """Return whether the board `resume` is newer than the one that this process has read.

        Args:
            resume: The event id that a client has, or "".
            known_id: That of the board that it would get; "" while none is read.
        """
        if self.board.ended or not resume:
            return False
        if not known_id:
            return self.is_stale()  # until the topic is read, nothing is known
        return sse.is_newer(resume, known_id)

    def is_stale(self) -> bool:
        """Return whether the board may be outdated."""
        return self.status is None or self.status.stale_since is not None

    def shown(self, feed: BoardFeed, period: str) -> Shown:
        """Return the board of a period; the one that was sent last if it is of that period.

        Its id is "" until the topic is read, and while there is no board of all time.
        """
        is_sent = feed.newest_id and period == feed.newest.board.period
        if is_sent or not self.has_read_boards:
            return feed.newest
        return feed.find(period) or feed.newest

    async def next_board(self, seconds: float) -> None:
        """Wait for a new board or the end of the streams, at most so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._board_changed.wait(), seconds)

    def end(self) -> None:
        """End every stream."""
        self.pacer.end()
        self.lateness.stop()
        self.scores.end()
        for feed in self.boards.values():
            feed.end()
        self._wake_waiting()

    def _send(self, kinds: Sequence[str]) -> None:
        """Send the newest of these kinds; on each `live` all in one write."""
        encode = {"score": self._send_scores, "rate": self._rates}
        shared = {kind: encode[kind]() for kind in kinds if kind in encode}
        for kind, feed in self._kinds.items():
            chunks = {"board": feed.send(), **shared} if kind in kinds else shared
            if chunks:
                feed.publish_live(**chunks)
        self._wake_waiting()

    def _send_scores(self) -> Chunks:
        self.newest_scores = list(self._recent.scores().values())
        documents = {key: recent.encode(score) for key, score in self._recent.scores().items()}
        self.scores.publish({key: sse.event(it) for key, it in documents.items()})
        removals = {it: recent.encode_removal(it) for it in self._recent.removals}
        return {key: sse.event(it, name="removal") for key, it in removals.items()} | {
            key: sse.event(it, name="score") for key, it in documents.items()
        }

    def _rates(self) -> Chunks:
        rates = self._rate_meter.rates()
        return {it.time: sse.event(rate.encode(it), name="rate") for it in rates}

    def _wake_waiting(self) -> None:
        self._board_changed.set()
        self._board_changed = asyncio.Event()

    def _publish_live(self, **chunks: Chunks) -> None:
        for feed in self.boards.values():
            feed.publish_live(**chunks)


def newest_boards(waiting: Sequence[Shown], boards: Sequence[Shown]) -> list[Shown]:
    """Return the newest of each board and period when these come while others wait."""
    return list({shown.board.key: shown for shown in (*waiting, *boards)}.values())


def _kind(board: str) -> str:
    """Return the name under which a board is paced and counted in the metrics."""
    return "board" if board == ALL_TIME else board

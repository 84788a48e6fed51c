"""One board: its periods, the current one of which its streams show."""

from collections.abc import Collection, Hashable
from typing import NamedTuple

from dataflows.leaderboard import Board
from dataflows.periods import ALL_TIME, Calendar, Period
from dataflows.wire import encode_board
from web.clock import now_ms
from web.live import sized, sse
from web.live.history import History
from web.live.hub import Hub, Times

LIVE = ("status", "board", "score", "rate")  # the state of `live` has their events in this order
KEPT = 400  # periods of a board
ALWAYS = Period(ALL_TIME, "", 0, 2**63, 2**63)

Chunks = dict[Hashable, bytes]


class Shown(NamedTuple):
    """The board of a period, its event id, and its document as it is on the topic."""

    event_id: str
    board: Board
    document: bytes


class BoardFeed:
    """A board and its streams: `board`, and `live` with the scores and more, as named events.

    The board of all time has one period, whose name is "". A period that nobody has scored in has
    an empty board without a message. Every method is called on the event loop.
    """

    def __init__(self, name: str, calendar: Calendar, times: Times) -> None:
        self.name = name
        self._calendar = calendar
        self._times = times
        self.board = Hub(lambda: sse.HEARTBEAT, times)
        self.live = Hub(beat, times)
        self._live_hubs = {frozenset(LIVE): self.live}  # by their events
        self._live_chunks: dict[str, Chunks] = {event: {} for event in LIVE}
        self.period = self._period_of(now_ms())  # the current one
        self._topic_id = ""
        self.clear("")

    @property
    def newest_id(self) -> str:
        """The event id of the board that was sent last, "" until the first."""
        return self.newest.event_id

    def clear(self, topic_id: str) -> None:
        """Keep nothing of the topic that was read; another one is read from now on."""
        self._topic_id = topic_id
        self._known: dict[str, Shown] = {}  # by period
        self._begin_period()
        self.newest = Shown("", self._empty_board(self.period.name), b"")  # that was sent
        self.board.publish({})
        self.publish_live(board={})

    def turn(self, now: int) -> bool:
        """Go to the period of a time, in milliseconds; return whether that is another one."""
        if self.period.start <= now < self.period.end:
            return False
        self.period = self._period_of(now)
        self._begin_period()
        return True

    def put_past(self, board: Board) -> None:
        """Add a board of the last minutes to the history, before the first is sent."""
        if board.period == self.period.name and not self.newest_id:
            self._history.add(board, min(board.updated, now_ms()))

    def put(self, shown: Shown) -> bool:
        """Keep the newest board of a period; return whether it is that of the current one."""
        period = shown.board.period
        self._known[period] = shown
        if len(self._known) > KEPT:
            del self._known[min(self._known)]
        return period == self.period.name

    def send(self) -> Chunks:
        """Send the newest board of the current period on `board`; return its event for `live`."""
        shown = self.find(self.period.name)
        if shown is None:
            return {}
        self.newest, (event_id, board, document) = shown, shown
        self._story = b""
        self._history.add(board, now_ms())
        fitting = sized.fit(board, document)
        self.board.publish({event_id: sse.event(fitting, event_id=event_id)})
        return {event_id: sse.event(fitting, name="board", event_id=event_id)}

    def find(self, period: str) -> Shown | None:
        """Return the newest board of a period; None before the first of all time."""
        if period in self._known or not period:
            return self._known.get(period)
        board = self._empty_board(period)
        return Shown(sse.board_id(self._topic_id, -1, board.key), board, encode_board(board))

    def periods(self) -> list[Shown]:
        """Return the boards of all periods that have scores, and are kept, newest period first."""
        return [self._known[name] for name in sorted(self._known, reverse=True) if name]

    def neighbours(self, period: str) -> tuple[str, str]:
        """Return the last period before one that has scores, and the next one or the current.

        Each is "" where there is none. All up to the current one are kept.
        """
        shown = {name for name in self._known if name < self.period.name} | {self.period.name}
        before = max((name for name in shown if name < period), default="")
        return before, min((name for name in shown if name > period), default="")

    def refusal(self, name: str) -> str:
        """Return why there is no such period; "" where there is one."""
        if name in self._known or name == self.period.name:
            return ""
        period = self._calendar.find(self.name, name) if self.period.name else None
        if period is None:
            return f"the board {self.name} has no period {name!r}{self._example()}"
        if period.start > self.period.start:
            return f"the period {name} has not begun yet"
        if len(self._known) == KEPT and name < min(self._known):
            return f"of the board {self.name} only the last {KEPT} periods are kept"
        return ""

    def history(self, resume: str) -> bytes:
        """Return the event of the leaders so far, for a client whose last board is `resume`.

        Nothing if that is the newest board: the client has missed nothing.
        """
        if resume and resume == self.newest_id:
            return b""
        if not self._story:
            self._story = sse.event(self._history.document(), name="story")
        return self._story

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

    def publish_live(self, **chunks: Chunks) -> None:
        """Replace these parts of the state of `live`, in one write."""
        self._live_chunks.update(chunks)
        for events, hub in self._live_hubs.items():
            if not events.isdisjoint(chunks):
                self._publish_to(hub, events)

    def end(self) -> None:
        """End every stream."""
        for hub in (self.board, *self.live_hubs()):
            hub.end()

    def _begin_period(self) -> None:
        self._history = History()
        self._story = b""  # the event of the history, "" until somebody wants it

    def _period_of(self, now: int) -> Period:
        return ALWAYS if self.name == ALL_TIME else self._calendar.current(self.name, now)

    def _empty_board(self, period: str) -> Board:
        return Board(self.name, 0, 0, (), period)

    def _example(self) -> str:
        return f": they are written like {self.period.name}" if self.period.name else ""

    def _publish_to(self, hub: Hub, events: Collection[str]) -> None:
        chosen = [chunks for name, chunks in self._live_chunks.items() if name in events]
        hub.publish({key: chunk for chunks in chosen for key, chunk in chunks.items()})


def beat() -> bytes:
    """Write a `beat`, the heartbeat of `live`: browsers do not see a comment."""
    return sse.event(b'{"time":%d}' % now_ms(), name="beat")

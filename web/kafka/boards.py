"""Read `top-5`: at first what is on it, then each new board.

At first the boards of the last ten minutes are enough. Where there are boards by period, all of the
topic is read: it has the last board of each period.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, Message, TopicPartition

from conf.settings import Settings
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.topics import Topic, await_topics
from dataflows.leaderboard import Board
from dataflows.periods import ALL_TIME, Calendar
from dataflows.wire import BadMessage, decode_board
from web.clock import now_ms
from web.kafka import client
from web.kafka.progress import Arrivals, Progress
from web.kafka.reader import TopicReader
from web.live.board import Shown
from web.live.history import APART_MS, SPAN_MS
from web.live.sse import board_id

LAST_MESSAGES = 100  # that are searched for a board when none was written for ten minutes
BATCH = 1000  # messages at once, at most

Put = Callable[[list[Shown]], object]  # of boards, oldest first


class Span(NamedTuple):
    """The first offset of a partition, that of ten minutes ago, and its end."""

    low: int
    recent: int
    end: int


def read(
    reader: TopicReader,
    settings: Settings,
    begin: Callable[[str], object],
    put_past: Put,
    put: Put,
) -> None:
    """Pass on the id of the topic, what is on it, and then boards until the reader stops."""
    topic = await_topics(settings, ["top_5"], stopping=reader.stopping)["top_5"]
    begin(topic.id)
    monitor = client.TopicMonitor(reader, client.BrokerClient(settings), topic)
    calendar = Calendar(settings.boards, settings.time_zone, settings.late_hours)
    with client.make_consumer(settings) as consumer:
        boards = _Boards(reader, topic, calendar, consumer)
        put_past(boards.read_past(monitor))
        reader.note_caught_up()
        while not reader.stopping():
            if found := [shown for _, shown in boards.poll()]:
                put(found)
            if (ends := monitor.poll()) is not None:
                boards.check(ends)


class _Boards:
    """The boards on the topic that are shown."""

    def __init__(
        self, reader: TopicReader, topic: Topic, calendar: Calendar, consumer: Consumer
    ) -> None:
        self._reader = reader
        self._topic = topic
        self._calendar = calendar
        self._consumer = consumer
        self._names = {ALL_TIME.encode(), *map(str.encode, calendar.boards)}
        all_time = partition_of(ALL_TIME.encode(), topic.partitions)
        self._partitions = range(topic.partitions) if calendar.boards else [all_time]
        self._progress = Progress({})

    def read_past(self, monitor: client.TopicMonitor) -> list[Shown]:
        """Return the boards of the last ten minutes; for a board without any then, its last one.

        Raises:
            Stalled: There are more messages, but none arrives for 15 s.
            TopicChanged: The topic was recreated or has more partitions.
        """
        spans = {each: self._span(each) for each in self._partitions}
        ends = {each: span.end for each, span in spans.items()}
        low = {each: span.low for each, span in spans.items()}
        recent = {each: max(span.low, span.recent) for each, span in spans.items()}
        for starts in [low] if self._calendar.boards or low == recent else [recent, low]:
            assigned = [TopicPartition(self._topic.name, *start) for start in starts.items()]
            client.assign(self._consumer, assigned)
            self._progress.jump(starts)
            if found := self._read_to(ends, monitor):
                return found
        return []

    def poll(self) -> Iterator[tuple[int, Shown]]:
        """Yield the boards that come next, each after the time of its message."""
        return self._found(self._poll())

    def check(self, ends: Mapping[int, int]) -> None:
        """Compare what is read with the ends of the partitions.

        Raises:
            Stalled: Ends that were seen more than 15 s ago are not reached.
        """
        self._progress.check({each: ends[each] for each in self._partitions}, time.monotonic())

    def _span(self, partition: int) -> Span:
        seconds = client.ANSWER_SECONDS
        at = TopicPartition(self._topic.name, partition)
        low, end = self._consumer.get_watermark_offsets(at, timeout=seconds)
        begin = now_ms() - SPAN_MS
        (since,) = client.offsets_at(self._consumer, self._topic.name, [partition], begin)
        return Span(low, since if since >= 0 else end - LAST_MESSAGES, end)

    def _read_to(self, ends: Mapping[int, int], monitor: client.TopicMonitor) -> list[Shown]:
        """Return the boards up to these offsets.

        For each board and period these are the last one of every two seconds of the last ten
        minutes, at most 300, and the last one before them.
        """
        found: dict[tuple[str, int], Shown] = {}
        ended: set[int | None] = set()  # what is past the end is in an open transaction
        now = now_ms()
        arrivals = Arrivals()
        while not self._reader.stopping() and not self._progress.has_reached(ends):
            messages = self._poll()
            arrivals.check(messages, has_answered=monitor.poll() is not None)
            for time_ms, shown in self._found(messages):
                moment = min(time_ms, now) // APART_MS if time_ms > now - SPAN_MS else 0
                found.pop((shown.board.key, moment), None)
                found[shown.board.key, moment] = shown
            ended |= {each.partition() for each in messages if client.is_partition_end(each)}
            if ended.issuperset(ends):
                break
        return list(found.values())

    def _poll(self) -> list[Message]:
        return client.poll(self._consumer, {self._topic.name: self._progress}, BATCH)

    def _found(self, messages: Iterable[Message]) -> Iterator[tuple[int, Shown]]:
        """Yield what can be read and is shown; a message that cannot be read is counted."""
        for message in messages:
            key, value = message.key() or b"", message.value()
            # Elsewhere are boards from before partitions were added.
            is_at_home = message.partition() == partition_of(key, self._topic.partitions)
            is_shown = is_at_home and key.partition(b"/")[0] in self._names
            if message.error() is None and value is not None and is_shown:
                try:
                    board = self._decode(key, value)
                except BadMessage as error:
                    self._reader.unreadable.add(message, error)
                else:
                    event_id = board_id(self._topic.id, message.offset() or 0, board.key)
                    yield message.timestamp()[1], Shown(event_id, board, value)

    def _decode(self, key: bytes, value: bytes) -> Board:
        """Read a board.

        Raises:
            BadMessage: It is none, or not the one that the key names.
        """
        board = decode_board(value)
        is_by_period = board.board in self._calendar.boards
        is_period = is_by_period and self._calendar.find(board.board, board.period)
        if board.key.encode() != key or not (is_period or board.board == ALL_TIME):
            msg = f"it is the board {board.key!r}, or none at all"
            raise BadMessage(msg)
        return board

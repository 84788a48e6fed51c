"""The source `high-scores`: the tables of all boards to their ends, then on as they change."""

from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Consumer, Message, TopicPartition

from conf import clients
from conf.settings import table_kind
from dataflows import metrics
from dataflows.context import AT_ONCE, FlowContext
from dataflows.kafka.caught_up import CaughtUp
from dataflows.kafka.consumer import SharedConsumer, offsets_since
from dataflows.periods import ALL_TIME, Calendar
from dataflows.top5.published import read_published


class TableBatch(NamedTuple):
    """At most 10,000 messages of one of `partitions` partitions of a board's table, by offset.

    All before the offset `position` is read. `is_caught_up` is true from the first batch on that
    reaches the end of the partition.
    """

    board: str
    partition: int
    partitions: int
    messages: list[Message]
    position: int
    is_caught_up: bool


class TableSource(FixedPartitionedSource[TableBatch, None]):
    """The tables of all boards: that of all time from its beginning, the others as far as needed.

    Of a board by period it reads what is not older than the end of its newest final period.

    It asks for the ends of partitions on a connection of its own: on that of the fetches, each
    question would wait for one to return, half a second for each partition if nothing new arrives.
    """

    def __init__(self, context: FlowContext, calendar: Calendar) -> None:
        self._context = context
        self._calendar = calendar

    def list_parts(self) -> list[str]:
        """Name the partitions of all tables."""
        return [f"{board}/{name}" for board in self._boards for name in self._names(board)]

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "TablePartition":
        """Read one partition; Bytewax's resume state is ignored, the table is the state."""
        board, _, partition = for_part.rpartition("/")
        start = self._starts[board][int(partition)]
        return TablePartition(self._context, self._consumer, self._end_consumer, board, start)

    @property
    def _boards(self) -> tuple[str, ...]:
        return (ALL_TIME, *self._calendar.boards)

    def _names(self, board: str) -> list[str]:
        return self._context.partitions(table_kind(board))

    @cached_property
    def _starts(self) -> dict[str, list[TopicPartition]]:
        """Where each partition begins to be read, by board."""
        boards = read_published(self._context).boards.values() if self._calendar.boards else ()
        ends: dict[str, int] = {}
        for board in boards:
            is_ours = board.final and board.board in self._calendar.boards
            period = self._calendar.find(board.board, board.period) if is_ours else None
            if period is not None:
                ends[board.board] = max(period.end, ends.get(board.board, 0))
        found = {}
        for board_name in self._boards:
            topic = self._context.topic(table_kind(board_name))
            asked = [TopicPartition(topic.name, each) for each in range(topic.partitions)]
            found[board_name] = offsets_since(self._end_consumer, asked, ends.get(board_name, 0))
        return found

    @cached_property
    def _consumer(self) -> SharedConsumer:
        context, with_ends = self._context, {"enable.partition.eof": "true"}
        topics = [context.topic(kind) for kind in context.settings.tables]
        return SharedConsumer(context.settings, topics, context.deadlines, **with_ends)

    @cached_property
    def _end_consumer(self) -> Consumer:
        return Consumer(clients.consumer(self._context.settings))


class TablePartition(StatefulSourcePartition[TableBatch, None]):
    """One partition of a table; reports when it has caught up, also where it is empty."""

    def __init__(
        self,
        context: FlowContext,
        consumer: SharedConsumer,
        end_consumer: Consumer,
        board: str,
        start: TopicPartition,
    ) -> None:
        self._context = context
        self._board = board
        self._place = start.topic, start.partition
        self._partitions = context.topic(table_kind(board)).partitions
        self._consumer = consumer
        consumer.add(start)
        self._position = max(start.offset, 0)
        self._catching_up: CaughtUp | None = CaughtUp(end_consumer, start)
        self._name = f"{start.topic}[{start.partition}]"
        context.catching_up.begin(self._name)
        is_first = board == ALL_TIME and start.partition == 0
        self._watch = context.watch() if is_first else None

    def next_batch(self) -> list[TableBatch]:
        """Return what is new, or an empty batch where a step is due.

        Raises:
            FlowFailed: The topic cannot be read on.
            StopIteration: The flow stops.
        """
        self._context.watchdog.note_progress()
        self._context.stopping.note_running()
        if self._watch:
            self._watch.check()  # it may stop the flow, which must not poll another topic then
        if self._context.stopping():
            raise StopIteration
        self._context.transactions.commit_if_due()
        messages, end = self._consumer.poll(self._place)
        if self._catching_up is not None:
            end = self._catch_up(self._catching_up, messages, end)
        if not messages and end is None and not self._context.deadlines.pop_due(self._board):
            return []
        read = (messages[-1].offset() or 0) + 1 if messages else 0
        self._position = max(self._position, read, end or 0)
        return [
            TableBatch(
                self._board,
                self._place[1],
                self._partitions,
                messages,
                self._position,
                self._catching_up is None,
            )
        ]

    def next_awake(self) -> datetime:
        """Return a time in the past: `SharedConsumer` does the waiting."""
        return AT_ONCE

    def snapshot(self) -> None:
        """Keep nothing: the next run reads the table again."""
        end = self._consumer.last_end(self._place)
        metrics.note_read(*self._place, self._position, end)
        self._context.watchdog.note_epoch(self._name)

    def close(self) -> None:
        """Stop reading."""
        self._consumer.remove(self._place)

    def _catch_up(
        self, catching_up: CaughtUp, messages: list[Message], end: int | None
    ) -> int | None:
        """Return the end where what was there at the start is read by now."""
        with self._context.watchdog.held():
            end = catching_up.end(messages, end)
        self._context.catching_up.note(self._name, catching_up.done if end is None else 1)
        if end is not None:
            self._catching_up = None
            metrics.restore_seconds.set(self._context.catching_up.seconds())
        return end

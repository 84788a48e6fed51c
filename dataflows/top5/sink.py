"""The sink `top-5`: writes a board if it differs from the last one there.

Each message names in a header the position of each partition of `high-scores` that its board shows:
it is the true board of that prefix of each partition.

**When flows overlap.** With `exactly_once` a new flow fences the old one and reads the last board
before it writes. That board may show more of the table than the new flow has read so far. Its own
boards are held back until they show at least as much, so no board goes back. With `at_least_once`
flows must not overlap.
"""

import logging
from operator import lt

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from conf.settings import table_kind
from dataflows import metrics
from dataflows.context import FlowContext
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.producer import Headers, Record
from dataflows.leaderboard import Board
from dataflows.top5.board import BoardUpdate, date
from dataflows.top5.published import read_published
from dataflows.wire import POSITIONS, encode_board, encode_positions

log = logging.getLogger(__name__)


class Top5Sink(FixedPartitionedSink[BoardUpdate, None]):
    """The topic `top-5`, written by one worker."""

    def __init__(self, context: FlowContext) -> None:
        self._context = context

    def list_parts(self) -> list[str]:
        """Name the one partition of the sink to the worker that reads the tables.

        So one thread of a process calls its writer.
        """
        return ["boards"] if self._context.partitions("top_5") else []

    def part_fn(self, _item_key: str) -> int:
        """Route all boards to it."""
        return 0

    def build_part(self, _step_id: str, _for_part: str, _resume_state: None) -> "Top5Partition":
        """Restore the last boards; Bytewax's resume state is ignored, the topic is the state."""
        return Top5Partition(self._context)


class Top5Partition(StatefulSinkPartition[BoardUpdate, None]):
    """The last board of each period on `top-5`, and the positions that it shows.

    A final board is never written again.
    """

    def __init__(self, context: FlowContext) -> None:
        self._context = context
        self._topic = context.topic("top_5")
        with context.watchdog.held():
            self._writer = context.fenced_writer(self._topic.name)
            self._last, self._positions = read_published(context)
        self._held: dict[str, BoardUpdate] = {}  # that were held back, by the keys of the boards
        for board in self._last.values():
            metrics.board_updated.labels(board.board).set(board.updated / 1000)

    def write_batch(self, values: list[BoardUpdate]) -> None:
        """Write the boards that differ from the last."""
        for update in values:
            for each in [*self._held_finals(update), update]:
                self._write(each)

    def snapshot(self) -> None:
        """Wait until the broker has this epoch; raises if it has not."""
        self._writer.flush()

    def _held_finals(self, newer: BoardUpdate) -> list[BoardUpdate]:
        """Return the final boards that were held back, as they are at newer positions.

        No step sends a final board again: it is forgotten there, and does not change.
        """
        keys = [
            key
            for key, held in self._held.items()
            if held.board.final and held.board.board == newer.board.board
        ]
        return [self._held.pop(key)._replace(positions=newer.positions) for key in keys]

    def _write(self, update: BoardUpdate) -> None:
        last = self._last.get(update.board.key)
        if last is not None and last.final:
            return
        held = self._held.pop(update.board.key, None)
        removals = (held.removals if held else []) + update.removals
        board = date(update.board, last, removals)
        if board == last:
            return
        if self._is_behind(update):
            self._held[board.key] = update._replace(removals=removals)
            return
        self._last[board.key] = board
        self._writer.write([self._record(board, update.positions)])
        metrics.boards_published.labels(board.board).inc()
        metrics.board_updated.labels(board.board).set(board.updated / 1000)

    def _is_behind(self, update: BoardUpdate) -> bool:
        """Return whether the last board of an overlapping flow shows more than this one."""
        if self._context.settings.guarantee != "exactly_once":
            return False
        last = self._positions.get(update.board.board, ())
        is_behind = any(map(lt, update.positions, last))
        if is_behind:
            log.warning(
                "board held back: it shows %s of %s, the last one shows %s",
                update.positions,
                self._context.topic(table_kind(update.board.board)).name,
                last,
            )
        return is_behind

    def _record(self, board: Board, positions: tuple[int, ...]) -> Record:
        key = board.key.encode()
        partition = partition_of(key, self._topic.partitions)
        table = self._context.topic(table_kind(board.board))
        headers: Headers = {POSITIONS: encode_positions(table.id, positions)}
        time_ms = max(board.updated, 1)
        return self._topic.name, encode_board(board), key, partition, None, None, time_ms, headers

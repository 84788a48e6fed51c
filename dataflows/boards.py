"""The sink `top-5`: writes a board where it differs from the last one there."""

import logging
from collections.abc import Iterable

from bytewax.outputs import FixedPartitionedSink
from confluent_kafka import Message

from dataflows.kafka import Broker, Flushed, read_to_end
from dataflows.leaderboard import Board, Removal, succeed
from dataflows.messages import BadMessage, decode_board, encode_board, partition_of

log = logging.getLogger(__name__)


class Boards(FixedPartitionedSink[tuple[Board, list[Removal]], None]):
    """The topic `top-5`: writes a board where it differs from the last one there."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def list_parts(self) -> list[str]:
        """Name the one partition of the boards."""
        return ["boards"]

    def part_fn(self, _item_key: str) -> int:
        """Route all to it."""
        return 0

    def build_part(self, _step_id: str, _for_part: str, _resume_state: None) -> "LastBoard":
        """Restore the last boards."""
        return LastBoard(self._broker)


class LastBoard(Flushed[tuple[Board, list[Removal]]]):
    """The last document of each board on `top-5`."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker.writer())
        self._topic = broker.topic("top_5")
        self._last: dict[str, Board] = {}
        for partition in range(self._topic.partitions):
            for messages in read_to_end(
                broker.settings, self._topic.name, partition, broker.stopping
            ):
                self._note(messages)

    def write_batch(self, values: list[tuple[Board, list[Removal]]]) -> None:
        """Write the boards that differ from the last."""
        for board, removals in values:
            last = self._last.get(board.board)
            successor = succeed(last, board, removals)
            if successor != last:
                self._last[board.board] = successor
                self._write(successor)
        self._writer.poll()

    def _write(self, board: Board) -> None:
        key = board.board.encode()
        self._writer.write(
            topic=self._topic.name,
            partition=partition_of(key, self._topic.partitions),
            key=key,
            value=encode_board(board),
            timestamp=max(board.updated, 1),
        )

    def _note(self, messages: Iterable[Message]) -> None:
        for message in messages:
            try:
                board = decode_board(message.value() or b"")
            except BadMessage as error:
                log.warning("%s@%d: %s", self._topic.name, message.offset(), error)
            else:
                self._last[board.board] = board

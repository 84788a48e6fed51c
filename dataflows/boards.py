"""The sink `top-5`: writes a board where it differs from the last one there.

Each message says in a header what the board has seen of `high-scores`: it is the true board of that
prefix of each partition.
"""

import logging
from operator import lt

from bytewax.outputs import FixedPartitionedSink
from confluent_kafka import Message

from dataflows.ends import read_to_end
from dataflows.kafka import Broker
from dataflows.leaderboard import Board, News, succeed
from dataflows.messages import (
    POSITIONS,
    BadMessage,
    decode_board,
    decode_positions,
    encode_board,
    encode_positions,
)
from dataflows.partitioner import partition_of
from dataflows.writers import Flushed

log = logging.getLogger(__name__)


class Boards(FixedPartitionedSink[News, None]):
    """The topic `top-5`."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def list_parts(self) -> list[str]:
        """Name the one partition of the boards."""
        return ["boards"]

    def part_fn(self, _item_key: str) -> int:
        """Route all to it."""
        return 0

    def build_part(self, _step_id: str, _for_part: str, _resume_state: None) -> "LastBoards":
        """Restore the last boards."""
        return LastBoards(self._broker)


class LastBoards(Flushed[News]):
    """The last board of each name on `top-5`, and what it had seen."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._topic = broker.topic("top_5")
        self._table_id = broker.topic("high_scores").id
        super().__init__(broker.fenced_writer(self._topic.name))
        self._last: dict[str, Board] = {}
        self._seen: tuple[int, ...] = ()
        self._restore()

    def write_batch(self, values: list[News]) -> None:
        """Write the boards that differ from the last."""
        for news in values:
            last = self._last.get(news.board.board)
            successor = succeed(last, news.board, news.removals)
            if successor != last and not self._is_outdated(news):
                self._last[news.board.board] = successor
                self._write(successor, news.positions)
        self._writer.send()

    def _is_outdated(self, news: News) -> bool:
        """Tell whether an earlier, paused flow has seen less than the last board had.

        It matters only where flows may overlap, and only until this one has read on.
        """
        if self._broker.settings.guarantee != "exactly_once":
            return False
        is_outdated = any(map(lt, news.positions, self._seen))
        if is_outdated:
            log.warning(
                "board not published: it has seen %s of %s, the last one %s",
                news.positions,
                self._broker.topic("high_scores").name,
                self._seen,
            )
        return is_outdated

    def _write(self, board: Board, positions: tuple[int, ...]) -> None:
        key = board.board.encode()
        self._writer.write(
            topic=self._topic.name,
            partition=partition_of(key, self._topic.partitions),
            key=key,
            value=encode_board(board),
            timestamp=max(board.updated, 1),
            headers=[(POSITIONS, encode_positions(self._table_id, positions))],
        )

    def _restore(self) -> None:
        settings, stopping = self._broker.settings, self._broker.stopping
        for partition in range(self._topic.partitions):
            for messages in read_to_end(settings, self._topic.name, partition, stopping):
                for message in messages:
                    self._note(message)

    def _note(self, message: Message) -> None:
        try:
            board = decode_board(message.value() or b"")
            topic_id, positions = decode_positions(_header(message))
        except BadMessage as error:
            log.warning("%s@%s: %s", self._topic.name, message.offset(), error)
            return
        self._last[board.board] = board
        self._seen = positions if topic_id == self._table_id else ()


def _header(message: Message) -> bytes:
    value = dict(message.headers() or ()).get(POSITIONS)
    return value if isinstance(value, bytes) else b""

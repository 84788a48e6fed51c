"""What is on `top-5`: the last board of each period."""

import logging
from itertools import zip_longest
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Message, TopicPartition

from conf.settings import table_kind
from dataflows.context import FlowContext
from dataflows.kafka.caught_up import read_to_end
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.table import place
from dataflows.leaderboard import Board
from dataflows.wire import POSITIONS, BadMessage, decode_board, decode_positions, header

log = logging.getLogger(__name__)


class Published(NamedTuple):
    """The last boards, by their keys, and the positions that some board of a name has shown.

    Positions are those in the table as it is now, the greatest in each of its partitions.
    """

    boards: dict[str, Board]
    positions: dict[str, tuple[int, ...]]


def read_published(context: FlowContext) -> Published:
    """Read `top-5` to its end.

    Raises:
        FlowFailed: It cannot be read.
    """
    topic = context.topic("top_5")
    found = Published({}, {})
    for partition in range(topic.partitions):
        start = TopicPartition(topic.name, partition, OFFSET_BEGINNING)
        for messages in read_to_end(context.settings, start, stopping=context.stopping):
            for message in messages:
                try:
                    _note(context, found, message)
                except BadMessage as error:
                    log.warning("%s: %s", place(message), error)
    return found


def _note(context: FlowContext, found: Published, message: Message) -> None:
    key, value = message.key() or b"", message.value()
    # Elsewhere are boards from before partitions were added.
    is_at_home = message.partition() == partition_of(key, context.topic("top_5").partitions)
    if value is None:  # somebody has removed it
        if is_at_home:
            found.boards.pop(key.decode(errors="replace"), None)
        return
    board = decode_board(value)
    table_id, positions = decode_positions(header(message, POSITIONS) or b"")
    if is_at_home:
        found.boards[board.key] = board
    kind = table_kind(board.board)
    if kind in context.settings.tables and table_id == context.topic(kind).id:
        earlier = found.positions.get(board.board, ())
        greatest = map(max, zip_longest(earlier, positions, fillvalue=0))
        found.positions[board.board] = tuple(greatest)

"""What stands on `top-5`: the last board of each period."""

import logging
from typing import NamedTuple

from dataflows.context import FlowContext
from dataflows.kafka.table import place, read_to_end
from dataflows.leaderboard import Board
from dataflows.wire import POSITIONS, BadMessage, decode_board, decode_positions, header

log = logging.getLogger(__name__)


class Published(NamedTuple):
    """The last boards, by their keys, and the positions that the last of each board shows.

    The positions are named with the id of the table that they are of.
    """

    boards: dict[str, Board]
    positions: dict[str, tuple[str, tuple[int, ...]]]


def read_published(context: FlowContext) -> Published:
    """Read `top-5` to its end.

    Raises:
        FlowFailed: It cannot be read.
    """
    topic = context.topic("top_5")
    found = Published({}, {})
    for partition in range(topic.partitions):
        for messages in read_to_end(context.settings, topic.name, partition, context.stopping):
            for message in messages:
                try:
                    board = decode_board(message.value() or b"")
                    positions = decode_positions(header(message, POSITIONS) or b"")
                except BadMessage as error:
                    log.warning("%s: %s", place(message), error)
                    continue
                found.boards[board.key] = board
                found.positions[board.board] = positions
    return found

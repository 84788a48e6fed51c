"""Boards as the flow writes them to the topic, and as the web app's reader passes them on."""

from confluent_kafka import Producer

from conf import clients
from conf.settings import Settings
from dataflows.leaderboard import Board
from dataflows.wire import encode_board
from web.live.board import Shown


def publish(settings: Settings, *boards: Board) -> None:
    """Write boards to the topic; wait until the broker has them."""
    producer = Producer(clients.producer(settings))
    for board in boards:
        producer.produce(settings.topics.top_5.name, encode_board(board), board.key.encode())
    assert producer.flush(20) == 0


def shown(event_id: str, board: Board) -> Shown:
    """Return a board with its event id, and its document."""
    return Shown(event_id, board, encode_board(board))

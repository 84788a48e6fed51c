"""Whoever reads to the end gets there, also where others write all the time."""

import itertools
import threading
from contextlib import contextmanager

import pytest
from confluent_kafka import Producer

from conf import clients
from conf.settings import load
from dataflows.leaderboard import Board
from dataflows.messages import encode_board
from dataflows.partitioner import partition_of
from dataflows.topics import await_topics
from tests import oracle
from tests.flows import Flow, Game
from tests.until import until_true
from web import board, scores
from web.relay import Relay

USERS = [b"user%d" % number for number in range(32)]
OFTEN_SECONDS = 0.02  # an end shows after 0.5 s without a message


@pytest.fixture
def game(names, monkeypatch):
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    settings = load()
    await_topics(settings)
    return Game(settings)


@contextmanager
def written_all_the_time(game, kind, messages):
    """Write to a topic for the length of the block, a message to each partition at a time."""
    producer = Producer(clients.producer(game.settings))
    stopping = threading.Event()

    def write():
        while not stopping.wait(OFTEN_SECONDS):
            for partition, key, value in next(messages):
                producer.produce(game.name(kind), value, key, partition)
            producer.poll(0)
        producer.flush(10)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        until_true(lambda: game.read(kind), 20)
        yield
    finally:
        stopping.set()
        thread.join()


def rising():
    """Make better and better scores of users on all eight partitions."""
    for number in itertools.count(1):
        yield [(partition_of(user, 8), user, b"%d" % number) for user in USERS]


def boards():
    for number in itertools.count(1):
        yield [(0, b"all-time", encode_board(Board("all-time", number, number, ())))]


@pytest.fixture
def relay():
    """Give a function that runs a relay until the test ends."""
    relays = []

    def run(read):
        relays.append(Relay("it", read, print))
        relays[-1].start()
        return relays[-1]

    yield run
    for each in relays:
        each.stop()


def test_top5_shows_a_board_that_starts_while_the_table_is_written_all_the_time(names, game):
    with written_all_the_time(game, "high_scores", rising()):
        top5 = Flow("top5", names)
        try:
            until_true(lambda: game.read("top_5"), 30)

            assert top5.stop() == [0]
        finally:
            top5.close()
    oracle.check_boards(game.read("top_5"), game.read("high_scores"))


def test_the_web_app_is_level_that_starts_while_boards_come_all_the_time(game, relay):
    found: list[tuple[str, bytes]] = []
    with written_all_the_time(game, "top_5", boards()):
        reading = relay(lambda it: board.read(it, game.settings, found.extend))
        until_true(lambda: not reading.problem(), 20)

    assert found


def test_the_web_app_is_level_that_starts_while_scores_come_all_the_time(game, relay):
    found: list[object] = []
    ends: list[object] = []
    with written_all_the_time(game, "scores", rising()):
        reading = relay(lambda it: scores.read(it, game.settings, found.extend, ends.append))
        until_true(lambda: not reading.problem(), 20)

    assert found

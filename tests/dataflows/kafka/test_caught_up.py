"""Whoever reads to the end gets there, also where others write all the time."""

import contextlib
import itertools
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Message, Producer, TopicPartition

from conf import clients
from dataflows.kafka import caught_up
from dataflows.kafka.partitioner import partition_of
from dataflows.leaderboard import Board
from dataflows.process import RESTART, Stopping
from dataflows.wire import encode_board
from tests.support import oracle
from tests.support.processes import Flow, open_game
from tests.support.until import until_true
from web.kafka import boards, scores
from web.kafka.reader import TopicReader

USERS = [b"user%d" % number for number in range(32)]
OFTEN_SECONDS = 0.002  # an end shows where a fetch waits 10 ms in vain
ONE = {"LEADERBOARD_TOPICS__HIGH_SCORES__PARTITIONS": "1"}  # of two, one may show its end


@pytest.fixture
def game(names, monkeypatch):
    with contextlib.closing(open_game({**names, **ONE}, monkeypatch)) as opened:
        yield opened


@contextlib.contextmanager
def written_all_the_time(game, kind, messages):
    """Write to a topic for the length of the block, some messages at a time."""
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


def rising(partitions):
    """Make better and better scores of users on all partitions."""
    for number in itertools.count(1):
        yield [(partition_of(user, partitions), user, b"%d" % number) for user in USERS]


def new_boards():
    for number in itertools.count(1):
        yield [(0, b"all-time", encode_board(Board("all-time", number, number, ())))]


@pytest.fixture
def read_topic():
    """Return a function that reads a topic until the test ends."""
    readers = []

    def run(read):
        readers.append(TopicReader("it", read, print))
        readers[-1].start()
        return readers[-1]

    yield run
    for each in readers:
        each.stop()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(60, [None, 10, 14]), (0, [None, None, 14])],
    ids=["within a second", "in more"],
)
def test_a_reader_has_caught_up_with_an_end_that_is_a_second_old(monkeypatch, seconds, expected):
    """It asks for the end again only where reading up to the first answer took long."""
    ends = iter([(0, 10), (0, 14), (0, 14)])
    consumer: Any = SimpleNamespace(get_watermark_offsets=lambda *_: next(ends))
    monkeypatch.setattr(caught_up, "CAUGHT_UP_SECONDS", seconds)
    reader = caught_up.CaughtUp(consumer, TopicPartition("high-scores", 0))

    assert [reader.end([Message("high-scores", 0, each)], None) for each in (4, 9, 13)] == expected


def test_a_reader_has_caught_up_where_the_broker_reports_the_end():
    nobody: Any = None  # is asked
    reader = caught_up.CaughtUp(nobody, TopicPartition("high-scores", 0))

    assert [reader.end([], end) for end in (None, 7)] == [None, 7]


def test_a_stop_that_asks_for_a_restart_ends_a_reader_with_that_status(game, monkeypatch):
    class Stopped(Stopping):
        def __call__(self):
            return True

    stopping = Stopped()
    stopping.status = RESTART
    monkeypatch.setattr(caught_up, "exit_now", sys.exit)

    with pytest.raises(SystemExit) as raised:
        list(
            caught_up.read_to_end(game.settings, beginning(game, "high_scores"), stopping=stopping)
        )
    assert raised.value.code == RESTART


def test_a_reader_with_a_goal_waits_for_a_transaction_that_is_open_before_it(game):
    """It begins with an offset, and passes the mark of the transaction."""
    name, read = game.name("scores"), []
    game.send(("ann", b"1"), ("ann", b"2"), partition=0)
    properties = clients.transactional(game.settings, game.settings.group)
    producer = Producer(properties)
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(name, b"3", b"ann", 0)
    assert producer.flush(30) == 0
    second = TopicPartition(name, 0, 1)
    end = caught_up.read_to_end(game.settings, second)
    goal = caught_up.read_to_end(game.settings, second, until=4)
    before = offsets(end)
    reading = threading.Thread(target=lambda: read.extend(offsets(goal)), daemon=True)
    reading.start()
    reading.join(1)
    was_waiting = reading.is_alive()
    producer.commit_transaction(30)
    reading.join(30)

    assert (before, was_waiting, read) == ([1], True, [1, 2])


def test_a_reader_reads_to_the_end_that_the_broker_confirms_where_a_fetch_ends_before(
    game, monkeypatch
):
    """A leader that was just elected may not show yet what it has."""
    game.send(("ann", b"1"), partition=0)
    monkeypatch.setattr(caught_up, "bounds", lambda *_: (0, 2))
    read: list[int] = []
    end = caught_up.read_to_end(game.settings, beginning(game, "scores"))
    reading = threading.Thread(target=lambda: read.extend(offsets(end)), daemon=True)
    reading.start()
    reading.join(3)
    was_waiting = reading.is_alive()
    game.send(("ann", b"2"), partition=0)
    reading.join(30)

    assert (was_waiting, read) == (True, [0, 1])


def beginning(game, kind):
    return TopicPartition(game.name(kind), 0, OFFSET_BEGINNING)


def offsets(batches):
    return [message.offset() for messages in batches for message in messages]


def test_top5_shows_a_board_that_starts_while_the_table_is_written_all_the_time(names, game):
    with written_all_the_time(game, "high_scores", rising(1)):
        top5 = Flow("top5", names)
        try:
            until_true(lambda: game.read("top_5"), 30)

            assert top5.stop() == [0]
        finally:
            top5.close()
    oracle.check_boards(game.read("top_5"), game.read("high_scores"))


def test_a_web_app_that_starts_while_boards_come_all_the_time_catches_up(game, read_topic):
    found: list[object] = []
    with written_all_the_time(game, "top_5", new_boards()):
        reading = read_topic(lambda it: boards.read(it, game.settings, print, found.extend, print))
        until_true(lambda: not reading.problem(), 20)

    assert found


def test_a_web_app_that_starts_while_scores_come_all_the_time_catches_up(game, read_topic):
    found: list[object] = []
    totals: list[object] = []
    with written_all_the_time(game, "scores", rising(8)):
        put = scores.Put(print, found.extend, print, totals.append)
        reading = read_topic(lambda it: scores.read(it, game.settings, put))
        until_true(lambda: not reading.problem(), 20)

    assert found

"""Reading `top-5` from a real broker: the newest board is found wherever it is."""

import time
from functools import partial

import pytest
from confluent_kafka import Producer

from dataflows.kafka.topics import await_topics
from dataflows.leaderboard import Board
from dataflows.wire import encode_board
from tests.support.until import until_true
from web.kafka import boards, client
from web.kafka.reader import TopicReader

HOUR_MS = 3_600_000
BOARD = encode_board(Board("all-time", 1, 7, ()))
OTHER = encode_board(Board("daily", 1, 7, ()))


@pytest.fixture
def found():
    """Return the list of the boards that are read."""
    return []


@pytest.fixture
def by_day(monkeypatch):
    """Switch on the board of a day, before the settings are loaded."""
    monkeypatch.setenv("LEADERBOARD_BOARDS", '["all-time", "day"]')


@pytest.fixture
def in_three(monkeypatch):
    """Give `top-5` three partitions."""
    monkeypatch.setenv("LEADERBOARD_TOPICS__TOP_5__PARTITIONS", "3")


@pytest.fixture
def reader(settings, found):
    """Return the reader of `top-5`."""
    return TopicReader(
        "it",
        partial(boards.read, settings=settings, begin=print, put_past=found.extend, put=print),
        print,
    )


@pytest.fixture
def read_past(settings, found, reader):
    """Yield a function that writes messages of keys, an age apart, and returns what is read."""
    await_topics(settings)
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})

    def read_past(*messages):
        now = time.time_ns() // 1_000_000
        for key, age_ms, *document in messages:
            (value,) = document or ([BOARD] if key == b"all-time" else [OTHER])
            producer.produce(settings.topics.top_5.name, value, key, timestamp=now - age_ms)
        assert producer.flush(10) == 0
        reader.start()
        until_true(lambda: not reader.problem(), 30)
        return [(event_id.rpartition(":")[2], document) for event_id, _, document in found]

    yield read_past
    reader.stop()


def test_an_empty_topic_is_read_to_its_end_at_once(read_past):
    assert read_past() == []


def test_an_old_board_before_many_other_messages_is_found(read_past):
    others = [(b"daily", HOUR_MS - number) for number in range(3 * boards.LAST_MESSAGES)]

    assert read_past((b"all-time", HOUR_MS), *others) == [("0", BOARD)]


def test_a_board_that_cannot_be_read_hides_no_good_one_of_its_batch(read_past, reader):
    messages = [(b"all-time", 3_000), (b"all-time", 2_900, b"{}"), (b"all-time", 2_800, b"{")]

    assert read_past(*messages) == [("0", BOARD)]
    assert reader.unreadable.count == 2


@pytest.mark.usefixtures("by_day")
def test_with_boards_by_period_the_last_one_of_each_is_found_however_old(read_past):
    days = [encode_board(Board("day", 1, 7, (), f"2026-11-{day}")) for day in (24, 25)]
    old = [(b"day/2026-11-24", HOUR_MS - n, days[0]) for n in range(3 * boards.LAST_MESSAGES)]
    young = [(b"day/2026-11-25", HOUR_MS, days[1]), (b"all-time", 9_000), (b"week/2026-W48", 0)]

    assert [number for number, _ in read_past(*old, *young)] == ["300", "301", "301"]


@pytest.mark.usefixtures("by_day", "in_three")
def test_a_board_from_before_partitions_were_added_is_not_shown(settings, read_past):
    """`all-time` is at home in the first of two partitions, and in the last of three."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    producer.produce(settings.topics.top_5.name, BOARD, b"all-time", partition=0)
    assert producer.flush(10) == 0

    assert read_past() == []


def test_a_start_at_which_the_consumer_gets_nothing_is_given_up(
    read_past, reader, monkeypatch, caplog
):
    monkeypatch.setattr("web.kafka.progress.STALL_SECONDS", 100)
    monkeypatch.setattr("web.kafka.client.ENDS_SECONDS", 0)
    monkeypatch.setattr("web.kafka.reader.RETRY_SECONDS", (0.1,))
    poll = client.poll
    monkeypatch.setattr(client, "poll", lambda *them: poll(*them) if reader.errors else [])

    assert read_past((b"all-time", 3_000)) == [("0", BOARD)]
    assert "Stalled" in caplog.text


def test_of_the_past_only_ten_minutes_are_read(read_past):
    old = [(b"all-time", HOUR_MS - 5_000 * number) for number in range(20)]
    young = [(b"all-time", 9_000), (b"all-time", 3_000)]

    assert [offset for offset, _ in read_past(*old, *young)] == ["20", "21"]

"""The rankings are those of the tables, on a real broker."""

import time
from contextlib import asynccontextmanager

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from conf import clients
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.topics import await_topics
from dataflows.wire import period_key
from tests.support.until import until
from web.app import create_app
from web.kafka.table import TableReader
from web.ranks.rankings import NotRanked

DAY_MS = 24 * 3600 * 1000


@asynccontextmanager
async def serving(settings):
    app = create_app(settings)
    async with app.test_app():
        services = app.extensions["leaderboard"]
        await until(lambda: not services.problems(), 30)
        yield services


class Tables:
    """The tables, written by hand."""

    def __init__(self, settings):
        self.settings = settings
        self.topics = await_topics(settings)
        self._producer = Producer(clients.producer(settings))

    def put(self, user, value, *, astray=0):
        topic = self.topics["high_scores"]
        partition = (partition_of(user, topic.partitions) + astray) % topic.partitions
        self._producer.produce(topic.name, value, user, partition)

    def put_of_day(self, day, user, value, at):
        topic = self.topics["high_scores_day"]
        partition = partition_of(user, topic.partitions)
        self._producer.produce(topic.name, value, period_key(day, user), partition, timestamp=at)

    def flush(self):
        assert self._producer.flush(20) == 0


def users(services, board="all-time", period=""):
    with services.rankings.open(board, period) as ranked:
        return [(row.user, row.score) for row in ranked.ranking.rows(1, 100)]


async def test_what_was_there_and_what_comes_later_is_ranked(settings):
    tables = Tables(settings)
    for number in range(50):
        tables.put(b"user%d" % number, b"%d" % number)
    tables.put(b"user49", None)
    tables.put(b"astray", b"900", astray=1)
    tables.put(b"\xff", b"900")
    tables.put(b"unreadable", b"nonsense")
    tables.flush()
    async with serving(settings) as services:
        loaded = users(services)
        tables.put(b"user0", b"1000")
        tables.put(b"user48", None)
        tables.put("ед".encode(), b"999")
        tables.flush()
        await until(lambda: ("ед", 999) in users(services) and len(users(services)) == 49)
        later = users(services)
        unreadable = services.readers[2].unreadable.count
        with services.rankings.open("all-time") as ranked:
            positions = ranked.positions

    assert loaded == [(f"user{number}", number) for number in range(48, -1, -1)]
    assert later == [("user0", 1000), ("ед", 999), *loaded[1:-1]]
    assert unreadable == 2
    assert positions.startswith(tables.topics["high_scores"].id + ":")


async def test_a_board_by_period_is_read_from_the_last_period_on(settings):
    settings = settings.model_copy(update={"boards": ("all-time", "day")})
    tables = Tables(settings)
    async with serving(settings) as services:
        today = services.rankings.current("day")
    midnight = int(time.time() * 1000) // DAY_MS * DAY_MS
    days = [
        time.strftime("%Y-%m-%d", time.gmtime(midnight / 1000 - back * 86400)) for back in (2, 1)
    ]
    for place, day in enumerate((*days, today)):
        at = midnight + (place - 2) * DAY_MS + 7
        tables.put_of_day(day, b"ann/x", b"%d" % place, at)
    tables.put_of_day("nonsense", b"bob", b"7", midnight)
    tables.flush()
    async with serving(settings) as services:
        now, before = users(services, "day"), users(services, "day", days[1])
        with pytest.raises(NotRanked):
            users(services, "day", days[0])
        sizes = services.rankings.sizes()

    assert (now, before) == ([("ann/x", 2)], [("ann/x", 1)])
    assert sizes == {("day", days[1]): 1, ("day", today): 1}


async def test_a_start_at_which_the_consumer_gets_nothing_is_given_up(
    settings, monkeypatch, caplog
):
    monkeypatch.setattr("web.kafka.progress.STALL_SECONDS", 100)
    monkeypatch.setattr("web.kafka.client.ENDS_SECONDS", 0)
    monkeypatch.setattr("web.kafka.reader.RETRY_SECONDS", (0.1,))
    tables = Tables(settings)
    tables.put(b"ann", b"1")
    tables.flush()
    receive = TableReader._receive  # noqa: SLF001 - what a consumer without a fault returns
    monkeypatch.setattr(
        TableReader, "_receive", lambda self: receive(self) if self._reader.errors else []
    )
    async with serving(settings) as services:
        found, errors = users(services), services.readers[2].errors

    assert (found, errors) == ([("ann", 1)], 1)
    assert "Stalled" in caplog.text


def recreate(settings):
    name = settings.topics.high_scores.name
    admin = AdminClient(clients.client(settings))
    admin.delete_topics([name])[name].result(60)
    await_topics(settings)


async def test_a_table_that_is_recreated_is_read_anew(settings, monkeypatch):
    monkeypatch.setattr("web.kafka.reader.RETRY_SECONDS", (0.1,))
    frozen: list[None] = []
    monkeypatch.setattr("web.kafka.table.gc.freeze", lambda: frozen.append(None))
    tables = Tables(settings)
    tables.put(b"ann", b"1")
    tables.flush()
    async with serving(settings) as services:
        before = users(services)
        recreate(settings)
        await until(lambda: services.readers[2].errors, 30)
        await until(lambda: not services.readers[2].problem(), 30)
        after = users(services)

    assert (before, after) == ([("ann", 1)], [])
    assert len(frozen) == 1

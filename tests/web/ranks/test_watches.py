"""The `rank` events of a watched user, on real sockets."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from typing import ClassVar

import pytest

from dataflows.leaderboard import rank_keys
from tests.support import served
from tests.support.openapi import check, response
from tests.support.until import until
from web.live import sized
from web.ranks.rankings import Change

QUICK = 0.05  # seconds of a round


@pytest.fixture(autouse=True)
async def close_clients():
    """Close the clients of the test."""
    yield
    for client in Client.opened:
        await client.close()
    Client.opened.clear()


@asynccontextmanager
async def serving(monkeypatch, **web):
    monkeypatch.setattr("web.ranks.watches.ROUND_SECONDS", QUICK)
    async with served.serving(monkeypatch, **web) as app:
        await until(lambda: "being read" in app.services.rankings.not_ready)
        put(app, *[(f"user{place}", 100 - place) for place in range(9)])
        app.services.rankings.not_ready = ""
        yield app


def put(app, *changes):
    made = [
        Change("all-time", "", user.encode(), score and rank_keys([score], [5])[0])
        for user, score in changes
    ]
    app.services.rankings.apply(made, {"all-time": "AbC:1"})


class Client:
    """A client of `/live` that watches a user."""

    opened: ClassVar[list["Client"]] = []

    def __init__(self, reader, writer):
        self._reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, app, query, version="1.1"):
        reader, writer = await app.connect()
        writer.write(
            f"GET /live?events=rate&{query} HTTP/{version}\r\nHost: localhost\r\n\r\n".encode()
        )
        client = cls(reader, writer)
        cls.opened.append(client)
        await asyncio.wait_for(reader.readuntil(b"event: beat"), 5)
        return client

    async def event(self, seconds=5):
        """Return the data of the next `rank` event."""
        text = await asyncio.wait_for(self._reader.readuntil(b"event: rank\ndata: "), seconds)
        assert text
        return json.loads(await self._reader.readuntil(b"\n\n"))

    async def close(self):
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def assert_silent(self):
        with pytest.raises(TimeoutError):
            await self.event(6 * QUICK)


async def test_a_rank_is_sent_once_the_ranks_are_ready_though_no_score_comes(monkeypatch):
    async with serving(monkeypatch) as app:
        app.services.rankings.not_ready = "half is read"
        client = await Client.open(app, "user=user4")
        await client.assert_silent()
        app.services.rankings.not_ready = ""
        rank = await client.event()

    assert rank["rank"] == 5


async def first(app, query):
    """Return the data of the `rank` with which a stream begins."""
    request = f"GET /live?events=rate&{query} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = await app.say_until(b"event: beat", request.encode())
    return answer.partition(b"event: rank\ndata: ")[2].partition(b"\n")[0]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_change_of_rank_score_or_the_neighbour_above_is_sent_and_nothing_else(
    monkeypatch, version
):
    async with serving(monkeypatch) as app:
        client = await Client.open(app, "user=user4", version)
        put(app, ("user8", 91))
        put(app, ("zoe", 1))
        await client.assert_silent()
        put(app, ("eve", 1_000))
        rank = await client.event()
        put(app, ("user3", None), ("zed", 97))
        above = await client.event()
        put(app, ("user4", 500))
        score = await client.event()
        put(app, ("user4", None))
        gone = await client.event()

    assert (rank["rank"], rank["next"]) == (6, {"rank": 5, "user": "user3", "score": "97"})
    assert (above["rank"], above["next"]["user"]) == (6, "zed")
    assert (score["rank"], score["score"], score["next"]["user"]) == (2, "500", "eve")
    assert (gone["rank"], gone["score"], gone["players"]) == (None, None, 10)


async def test_the_rows_around_are_those_of_the_route_and_a_change_of_one_is_sent(monkeypatch):
    async with serving(monkeypatch) as app:
        plain, narrow, wide = [
            await Client.open(app, f"user=user4{around}")
            for around in ("", "&around=0", "&around=2")
        ]
        put(app, ("user6", 93))
        await plain.assert_silent()
        await narrow.assert_silent()
        below = await wide.event()
        _, _, card = await app.ask("/boards/all-time/users/user4?around=2")
        put(app, ("user4", None))
        gone = [await each.event() for each in (plain, narrow, wide)]

    assert below == json.loads(card)
    assert [row["user"] for row in below["around"]] == [f"user{n}" for n in (2, 3, 4, 5, 6)]
    assert [each.get("around") for each in gone] == [None, [], []]


async def test_without_rows_around_the_event_has_the_same_bytes_as_ever(monkeypatch):
    async with serving(monkeypatch) as app:
        found = await first(app, "user=user1")
        missing = await first(app, "user=nobody")

    players = b'{"board":"all-time","players":9,'
    following = b'"next":{"rank":1,"user":"user0","score":"100"}}'
    assert found == players + b'"rank":2,"user":"user1","score":"99","time":5,' + following
    assert missing == players + b'"rank":null,"user":"nobody","score":null,"time":null,"next":null}'


async def test_of_long_names_around_an_event_has_the_nearest_that_fit(monkeypatch):
    async with serving(monkeypatch) as app:
        put(app, *[(f"{place:03}" + "w" * 4_000, 2_000 - place) for place in range(200)])
        client = await Client.open(app, f"around=50&user=003{'w' * 4_000}")
        put(app, ("a" * 4_000, 5_000))
        event = await client.event()

    ranks = [row["rank"] for row in event["around"]]
    assert 50_000 < len(json.dumps(event, separators=(",", ":"))) <= sized.BYTES
    assert ranks == list(range(1, len(ranks) + 1))
    assert event["rank"] == 5 < len(ranks) < 15


async def test_the_state_has_the_rank_and_a_user_without_a_score_has_none(monkeypatch):
    async with serving(monkeypatch) as app:
        described = response("/live", 200)["content"]["text/event-stream"]["x-events"]["rank"]
        queries = ("user=user0", "user=nobody&around=1", "user=user1&board=all-time&around=50")
        found = [json.loads(await first(app, query)) for query in queries]
        for document in found:
            check(described["data"], document)

    assert [each["rank"] for each in found] == [1, None, 2]


async def test_at_most_one_event_is_sent_in_a_round_and_the_newest_always(monkeypatch):
    async with serving(monkeypatch) as app:
        client = await Client.open(app, "user=user8")
        monkeypatch.setattr("web.ranks.watches.ROUND_SECONDS", 0.5)
        await asyncio.sleep(2 * QUICK)  # the round that was under way
        for score in range(200, 300):
            put(app, ("user8", score))
            await asyncio.sleep(0)
        event = await client.event()
        await client.assert_silent()

    assert (event["score"], event["rank"]) == ("299", 1)


async def test_a_client_that_leaves_is_forgotten_and_the_rounds_end(monkeypatch):
    async with serving(monkeypatch) as app:
        clients = [await Client.open(app, f"user=user{each}") for each in range(3)]
        watched = len(app.services.watches)
        for client in clients:
            await client.close()
        await until(lambda: len(app.services.watches) == 0)
        await until(lambda: app.services.watches._task is None)  # noqa: SLF001 - no other sign

    assert watched == 3


async def test_a_client_that_lags_gets_the_newest_rank_once_it_reads(monkeypatch):
    async with serving(monkeypatch) as app:
        client = await Client.open(app, "user=user8")
        hub = app.feeds.all_time.live_of(["rate"])
        (subscriber,) = hub._caught_up  # noqa: SLF001 - no other way to make one lag
        hub._start_lag(subscriber, 0)  # noqa: SLF001
        del hub._caught_up[subscriber]  # noqa: SLF001
        put(app, ("user8", 500))
        await client.assert_silent()
        hub.catch_up(subscriber)
        event = await client.event()

    assert event["score"] == "500"


async def test_without_ranks_a_watched_user_has_no_events_and_the_stream_goes_on(monkeypatch):
    async with served.serving(monkeypatch, ranks=False) as app:
        client = await Client.open(app, "user=ann")
        await client.assert_silent()

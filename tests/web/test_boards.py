"""The boards by period on a real broker: what is on `top-5` is served, polled and streamed."""

import asyncio
import contextlib
import json
import time

import pytest
from confluent_kafka import Producer

from dataflows.kafka.topics import await_topics
from dataflows.leaderboard import Board, Row
from dataflows.periods import Calendar
from dataflows.wire import encode_board
from tests.support.boards import publish
from tests.support.openapi import check_response
from tests.support.processes import Game, running
from tests.support.until import until
from web.app import create_app
from web.live.freshness import Status

CALENDAR = Calendar(("day", "week"), "Europe/Berlin", 24)
DAY_MS = 86_400_000


@pytest.fixture
def settings(settings):
    """Return the settings with three boards, and three partitions for them."""
    topics = settings.topics
    top_5 = topics.top_5.model_copy(update={"partitions": 3})
    settings = settings.model_copy(
        update={
            "boards": ("all-time", "day", "week"),
            "time_zone": "Europe/Berlin",
            "topics": topics.model_copy(update={"top_5": top_5}),
        }
    )
    await_topics(settings)
    return settings


class App:
    """The app, once it is ready, and a client of it."""

    def __init__(self, settings):
        self.app = create_app(settings)
        self.services = self.app.extensions["leaderboard"]
        self.client = self.app.test_client()

    async def ready(self):
        await until(lambda: not self.services.problems(), 30)
        return self

    async def get(self, path, template="", **headers):
        answer = await self.client.get(path, headers=headers)
        if answer.status_code not in {304, 404}:
            await check_response(answer, template or path)
        return answer

    async def events(self, path, count, **headers):
        """Return the first events of a stream as names and lines."""
        text = ""
        async with self.client.request(path, headers=headers) as connection:
            await connection.send_complete()
            while text.count("\n\n") < count:
                text += (await asyncio.wait_for(connection.receive(), 10)).decode()
            await connection.disconnect()
        blocks = [each for each in text.split("\n\n") if "data: " in each]
        fields = [dict(line.split(": ", 1) for line in each.split("\n")) for each in blocks]
        return {each.get("event", ""): each for each in fields}


@pytest.fixture
async def start(settings):
    """Return what starts an app that is ended after the test."""
    started = []

    async def start(**update):
        app = App(settings.model_copy(update=update))
        await app.app.startup()
        started.append(app)
        return await app.ready()

    yield start
    for app in started:
        await app.app.shutdown()


def day(ago=0):
    return CALENDAR.current("day", time.time_ns() // 1_000_000 - ago * DAY_MS).name


def board(name, user, period="", *, final=False):
    return Board(name, 1, 7, (Row(1, user, 9, 7),), period, final)


async def test_every_board_and_period_is_served_with_its_etag(start, settings):
    current, past = board("day", "ann", day()), board("day", "bob", day(40), final=True)
    publish(settings, board("all-time", "cid"), current, past)
    app = await start()
    of = "/boards/{board}/{period}"
    answers = [
        await app.get("/boards/all-time", "/boards/{board}"),
        await app.get("/boards/day", "/boards/{board}"),
        await app.get(f"/boards/day/{day()}", of),
        await app.get(f"/boards/day/{day(40)}", of),
        await app.get(f"/boards/day/{day(1)}", of),
        await app.get("/boards/week", "/boards/{board}"),
    ]
    users = [[row["user"] for row in json.loads(await it.get_data())["rows"]] for it in answers]
    tags = [it.headers["ETag"] for it in answers]
    same = await app.get("/boards/day", **{"If-None-Match": tags[1]})
    other = await app.get("/boards/day", "/boards/{board}", **{"If-None-Match": tags[0]})

    assert users == [["cid"], ["ann"], ["ann"], ["bob"], [], []]
    assert await answers[3].get_data() == encode_board(past)
    assert len(set(tags)) == len(tags) - 1
    assert (same.status_code, other.status_code) == (304, 200)
    head = await app.client.head("/boards/day")
    assert (head.status_code, head.headers["ETag"]) == (200, tags[1])


async def test_what_the_flows_count_is_on_each_board_of_its_time(names, settings, start):
    boards = {"LEADERBOARD_BOARDS": '["all-time", "day", "week"]'}
    zone = {"LEADERBOARD_TIME_ZONE": settings.time_zone}
    now = time.time_ns() // 1_000_000
    app, expected = await start(), {"all-time": ["bob", "ann"], "day": ["ann"], "week": ["ann"]}
    with running({**names, **boards, **zone}), contextlib.closing(Game(settings)) as game:
        game.play([("bob", b"20", now - 40 * DAY_MS), ("ann", b"10", now)])
        feeds = app.services.feeds.boards
        await until(lambda: {it: leaders(feeds[it].newest.board) for it in feeds} == expected, 60)
        await until(lambda: feeds["day"].find(day(40)).board.final, 30)

    assert leaders(feeds["day"].find(day(40)).board) == ["bob"]


def leaders(board):
    return [row.user for row in board.rows]


async def test_the_boards_are_listed_with_their_periods(start, settings):
    publish(settings, board("day", "ann", day()), board("day", "bob", day(40), final=True))
    app = await start()
    found = json.loads(await (await app.get("/boards")).get_data())
    period = CALENDAR.current("day", time.time_ns() // 1_000_000)
    all_time, today, week = found["boards"]

    assert (found["time_zone"], found["order"]) == ("Europe/Berlin", "highest")
    assert all_time == {"board": "all-time", "players": 0}
    assert today == {
        "board": "day",
        "players": 1,
        "period": period.name,
        "start": period.start,
        "end": period.end,
        "periods": [
            {"period": day(), "final": False},
            {"period": day(40), "final": True},
        ],
    }
    assert (week["board"], week["players"], week["periods"]) == ("week", 0, [])


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/boards/month", "the boards are all-time, day, week"),
        ("/boards/day/2026-13-01", "no period '2026-13-01'"),
        ("/boards/day/2999-01-01", "has not begun"),
        ("/boards/all-time/2026-11-25", "no period"),
        ("/live?board=month", "the boards are all-time, day, week"),
    ],
)
async def test_an_unknown_board_or_period_is_refused_with_the_reason(start, path, reason):
    app = await start()
    answer = await app.get(path)

    assert answer.status_code == 404
    assert reason in json.loads(await answer.get_data())["error"]


async def test_live_streams_one_board_and_a_client_that_switches_gets_the_other(start, settings):
    publish(settings, board("all-time", "cid"), board("day", "ann", day()))
    app, other = await start(), await start()
    all_time = (await app.events("/live", 3))["board"]
    today = (await app.events("/live?board=day", 3, **{"Last-Event-ID": all_time["id"]}))["board"]
    same = await other.events("/live?board=day", 1, **{"Last-Event-ID": today["id"]})
    back = (await other.events("/live", 3, **{"Last-Event-ID": today["id"]}))["board"]

    assert json.loads(today["data"])["rows"][0]["user"] == "ann"
    assert "board" not in same
    assert back == all_time


async def test_a_change_of_a_day_reaches_the_stream_of_that_day_alone(start, settings):
    app = await start()
    stream = asyncio.create_task(app.events("/live?board=day&events=board", 3))
    await until(lambda: sum(map(len, app.services.feeds.boards["day"].live_hubs())))
    publish(settings, board("all-time", "cid"), board("week", "bob", "2026-W01"))
    publish(settings, board("day", "ann", day()))
    event = (await stream)["board"]

    assert json.loads(event["data"])["rows"][0]["user"] == "ann"


async def test_at_midnight_an_open_stream_gets_the_new_day_without_a_message(start, settings):
    publish(settings, board("day", "ann", day()))
    app = await start()
    stream = asyncio.create_task(app.events("/live?board=day&events=board", 3))
    await until(lambda: sum(map(len, app.services.feeds.boards["day"].live_hubs())))
    tomorrow = CALENDAR.current("day", time.time_ns() // 1_000_000).end
    app.services.clock = lambda: tomorrow
    document = json.loads((await stream)["board"]["data"])
    polled = json.loads(await (await app.get("/boards/day", "/boards/{board}")).get_data())

    assert document == polled
    assert (document["period"], document["rows"]) == (day(-1), [])


async def test_a_client_with_a_newer_board_of_a_day_gets_no_older_one(start, settings):
    publish(settings, board("day", "ann", day()))
    app, key = await start(), f"/boards/day/{day()}"
    tag = (await app.get(key, "/boards/{board}/{period}")).headers["ETag"]
    name, _, number = tag.strip('"').rpartition(":")
    newer = {"If-None-Match": f'"{name}:{int(number) + 1}"'}
    polled = asyncio.create_task(app.get(key, "/boards/{board}/{period}", **newer))
    publish(settings, board("day", "bob", day()))

    assert (await polled).status_code == 304


async def test_the_old_routes_are_byte_for_byte_what_they_are_without_boards_by_period(
    start, settings
):
    publish(settings, board("day", "ann", day()), board("all-time", "cid"))
    publish(settings, board("week", "bob", "2026-W01"), board("all-time", "dan"))
    alone, many = await start(boards=("all-time",)), await start()
    shown = [alone.services.feeds, many.services.feeds]
    await until(
        lambda: all(it.all_time.newest_id and it.status == Status(None, ()) for it in shown)
    )
    for path, count in (("/highScores", 1), ("/live?events=story,board,status", 3)):
        one, other = await alone.events(path, count), await many.events(path, count)
        for events in (one, other):
            events.pop("beat", None)
            for event in events.values():
                event.pop("retry", None)

        assert one == other
    one, other = await alone.get("/top5"), await many.get("/top5")

    assert await one.get_data() == await other.get_data()
    assert one.headers["ETag"] == other.headers["ETag"]


async def test_a_document_under_the_key_of_another_board_is_skipped_and_counted(start, settings):
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    document = encode_board(board("day", "ann", day()))
    for key in (f"day/{day(1)}", "day/yesterday", "day", "all-time", "month/2026-11"):
        producer.produce(settings.topics.top_5.name, document, key.encode())
    assert producer.flush(10) == 0
    app = await start()

    assert app.services.readers[0].unreadable.count == 4
    assert app.services.feeds.boards["day"].periods() == []

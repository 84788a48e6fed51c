"""The app on a real broker: posted scores are written, and what is written is streamed."""

import asyncio
import json
import logging
import time
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from conf import clients
from dataflows.kafka.topics import await_topics
from dataflows.leaderboard import Board, Row
from dataflows.wire import encode_board
from tests.support import oracle
from tests.support.boards import publish
from tests.support.brokerless import brokerless
from tests.support.until import until, until_true
from web.app import create_app
from web.kafka import client
from web.live.freshness import LAG_SECONDS, BoardLag, Status
from web.posting.submission import FORM, JSON


@pytest.fixture
async def app(settings):
    """Yield the app once it is ready."""
    app = create_app(settings)
    async with app.test_app():
        await until(lambda: not app.extensions["leaderboard"].problems(), 30)
        yield app


def feeds(app):
    return app.extensions["leaderboard"].feeds


def split(line):
    return line.partition(": ")


class Stream:
    """An open stream of the app, as a client sees it."""

    def __init__(self, connection):
        self._connection = connection
        self._text = ""

    async def event(self):
        """Return the next event as its fields but `retry`; heartbeats are skipped."""
        while True:
            while "\n\n" not in self._text:
                chunk = await asyncio.wait_for(self._connection.receive(), 10)
                self._text += chunk.decode()
            block, _, self._text = self._text.partition("\n\n")
            fields = {name: value for name, _, value in map(split, block.split("\n"))}
            fields.pop("retry", None)
            if "data" in fields:
                return fields

    async def document(self):
        return json.loads((await self.event())["data"])


@asynccontextmanager
async def stream(app, path, **headers):
    async with app.test_client().request(path, headers=headers) as connection:
        await connection.send_complete()
        yield Stream(connection)
        await connection.disconnect()


def board(players, *rows):
    return Board("all-time", players, 7, rows)


def written(settings):
    """Return all messages of `scores` as user and value."""
    seen = oracle.read(settings.bootstrap_servers, settings.topics.scores.name)
    return [((each.key or b"").decode(), each.value) for each in seen]


HOSTILE = [
    'Robert"); DROP TABLE',
    "<script>alert(1)</script>",
    "👩‍🚀🏆",
    "a\u2028b\u2029c",
    "x" * 1000,
    "\u202eevil",
    "\u3164",  # looks blank
]


async def test_a_posted_score_is_written_and_streamed_with_its_offset(app, settings):
    client = app.test_client()
    async with stream(app, "/events") as events:
        answer = await client.post("/newScore", json={"user": "ann", "score": 120})
        shown = await events.document()

    assert answer.status_code == 202
    assert await answer.get_json() == {"partition": shown["partition"], "offset": shown["offset"]}
    assert (shown["user"], shown["score"]) == ("ann", "120")
    assert written(settings) == [("ann", b"120")]


async def test_a_form_is_redirected_to_the_page(app, settings):
    answer = await app.test_client().post("/newScore", form={"user": "zoë", "score": "-7"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "./")
    assert written(settings) == [("zoë", b"-7")]


@pytest.mark.parametrize("score", [-1, 2**53 + 1, 2**63 - 1, -(2**63)])
async def test_a_score_reaches_the_browser_unchanged(app, score):
    async with stream(app, "/events") as events:
        await app.test_client().post("/newScore", json={"user": "ann", "score": str(score)})

        assert (await events.document())["score"] == str(score)


async def test_hostile_names_reach_the_browser_as_they_are(app):
    client = app.test_client()
    async with stream(app, "/events") as events:
        for user in HOSTILE:
            answer = await client.post("/newScore", json={"user": user, "score": 1})
            assert answer.status_code == 202
            assert (await events.document())["user"] == user
        page = await (await client.get("/")).get_data(as_text=True)

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


BAD = [
    (FORM, b"score=1", 422, "user"),
    (FORM, b"user=ann", 422, "score"),
    (FORM, b"user=ann&score=ten", 422, "score"),
    (FORM, b"user=ann&score=9223372036854775808", 422, "score"),
    (FORM, b"user=" + b"a" * 5000 + b"&score=1", 422, "user"),
    (FORM, b"user=" + b"a" * 100_000, 413, "body"),
    ("text/plain", b"user=ann&score=1", 415, "body"),
    (JSON, b"{", 400, "body"),
]


async def test_bad_input_is_refused_with_its_field_and_writes_nothing(app, settings):
    client = app.test_client()
    for kind, body, status, field in BAD:
        answer = await client.post("/newScore", data=body, headers={"Content-Type": kind})

        assert answer.status_code == status
        assert (await answer.get_json())["field"] == field
    assert written(settings) == []


async def test_a_refused_form_of_a_browser_comes_back_with_what_was_typed(app):
    answer = await app.test_client().post(
        "/newScore", form={"user": "<b>", "score": "ten"}, headers={"Accept": "text/html"}
    )
    page = await answer.get_data(as_text=True)

    assert answer.status_code == 422
    assert 'value="&lt;b&gt;"' in page
    assert "score must be a whole number" in page


@pytest.mark.parametrize("length", [100_000, 1_000_000])
async def test_a_form_of_a_browser_that_is_too_long_comes_back_as_the_page(app, length):
    answer = await app.test_client().post(
        "/newScore", form={"user": "a" * length, "score": "1"}, headers={"Accept": "text/html"}
    )

    assert (answer.status_code, answer.mimetype) == (413, "text/html")


async def test_another_site_cannot_post(app, settings):
    answer = await app.test_client().post(
        "/newScore",
        form={"user": "ann", "score": "1"},
        headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 403
    assert written(settings) == []


async def test_the_board_is_sent_and_then_each_change(app, settings):
    first = board(1, Row(1, "ann", 120, 5))
    publish(settings, first)
    await until(lambda: feeds(app).newest_board == first)
    async with stream(app, "/highScores") as events:
        before = await events.event()
        publish(settings, board(2, Row(1, "zoë", 130, 6), Row(2, "ann", 120, 5)))
        after = await events.event()

    assert before["data"].encode() == encode_board(first)
    assert json.loads(after["data"])["rows"][0]["user"] == "zoë"
    assert [event["id"].rpartition(":")[2] for event in (before, after)] == ["0", "1"]
    assert "event" not in before


async def test_an_app_that_starts_later_sends_the_same_bytes_and_the_same_id(app, settings):
    publish(settings, board(1, Row(1, "ann", 1, 1)), board(2, Row(1, "ann", 2, 2)))
    other = create_app(settings)
    async with other.test_app():
        await until(lambda: feeds(app).newest_board.players == 2)
        await until(lambda: feeds(other).newest_board.players == 2)
        async with stream(app, "/highScores") as one, stream(other, "/highScores") as two:
            assert await one.event() == await two.event()


async def test_a_client_with_the_newest_board_gets_it_only_when_it_changes(app, settings):
    publish(settings, board(1, Row(1, "ann", 1, 1)))
    await until(lambda: feeds(app).newest_board.players == 1)
    async with stream(app, "/highScores") as events:
        newest = (await events.event())["id"]
    for in_header in (True, False):
        path = "/highScores" if in_header else f"/highScores?lastEventId={newest}"
        headers = {"Last-Event-ID": newest} if in_header else {}
        async with stream(app, path, **headers) as events:
            publish(settings, board(2, Row(1, "bob", 2, 2)), board(1, Row(1, "ann", 1, 1)))
            changed = await events.event()
        known, newest = newest, (await newest_event(app))["id"]

        assert changed["id"] != known


async def newest_event(app):
    async with stream(app, "/highScores") as events:
        return await events.event()


async def test_a_client_with_any_other_id_gets_the_board(app, settings):
    publish(settings, board(1, Row(1, "ann", 1, 1)))
    await until(lambda: feeds(app).newest_board.players == 1)
    for resume in ("other:0", "nonsense", "\xff", "0"):
        async with stream(app, "/highScores", **{"Last-Event-ID": resume}) as events:
            assert (await events.event())["id"].endswith(":0")


async def test_live_has_every_kind_of_event_by_name(app, settings):
    publish(settings, board(1, Row(1, "ann", 1, 1)))
    await until(lambda: feeds(app).newest_board.players == 1)
    await app.test_client().post("/newScore", json={"user": "ann", "score": 1})
    await until(lambda: feeds(app).newest_scores and feeds(app).status == Status(None, ()))
    async with stream(app, "/live") as events:
        first = [await events.event() for _ in range(4)]
        rate = await events.event()
        while rate["event"] != "rate":
            rate = await events.event()

    assert [event["event"] for event in first] == ["story", "status", "board", "score"]
    assert [event["event"] for event in first if "id" in event] == ["board"]
    assert json.loads(first[1]["data"]) == {"stale_since": None, "problems": []}
    assert json.loads(rate["data"])["per_second"] > 0


async def test_a_reader_that_fails_is_reported_at_once_and_starts_again(app, settings, monkeypatch):
    poll = client.poll

    def fail_once(consumer, progress, *limits):
        if settings.topics.top_5.name not in progress:
            return poll(consumer, progress, *limits)
        monkeypatch.setattr(client, "poll", poll)
        msg = "a fault of this test"
        raise KafkaException(msg)

    await until(lambda: feeds(app).status == Status(None, ()))
    async with stream(app, "/live") as events:
        monkeypatch.setattr(client, "poll", fail_once)
        problems: list[str] = []
        while not problems:
            event = await events.event()
            problems = json.loads(event["data"]).get("problems")
        ready = await app.test_client().get("/ready")
        publish(settings, board(1, Row(1, "ann", 1, 1)))
        while event.get("event") != "board":
            event = await events.event()

    assert "is not read to its end yet" in problems[0]
    assert ready.status_code == 503
    await until(lambda: not app.extensions["leaderboard"].problems())


async def test_the_history_is_sent_to_a_client_that_has_missed_something(app, settings):
    publish(settings, board(1, Row(1, "ann", 1, 1)))
    await until(lambda: feeds(app).all_time.newest_id)
    publish(settings, board(2, Row(1, "bob", 2, 2), Row(2, "ann", 1, 1)))
    await until(lambda: feeds(app).newest_board.players == 2)
    newest = feeds(app).all_time.newest_id
    async with stream(app, "/live") as events:
        story = await events.event()
    async with stream(app, "/live", **{"Last-Event-ID": newest}) as events:
        again = await events.event()

    assert json.loads(story["data"])["boards"][-1]["rows"] == [
        {"user": "bob", "score": "2"},
        {"user": "ann", "score": "1"},
    ]
    assert again["event"] == "status"


async def test_an_app_that_starts_later_has_the_history_of_the_last_minutes(settings):
    await_topics(settings)
    now = time.time_ns() // 1_000_000
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    for change in range(now - 700_000, now - 1_000, 500):
        document = encode_board(Board("all-time", 1, change, (Row(1, "ann", change, 5),)))
        producer.produce(settings.topics.top_5.name, document, b"all-time", timestamp=change)
    assert producer.flush(10) == 0
    made = create_app(settings)
    async with made.test_app():
        await until(lambda: feeds(made).all_time.newest_id)
        async with stream(made, "/live") as events:
            boards = (await events.document())["boards"]

    times = [each["time"] for each in boards]
    assert times[0] < now - 500_000
    assert boards[-1]["rows"][0]["score"] == str(feeds(made).newest_board.updated)
    assert times == sorted(times)


async def test_a_client_with_a_newer_board_from_another_process_gets_no_older_one(app, settings):
    publish(settings, board(1, Row(1, "ann", 1, 1)))
    await until(lambda: feeds(app).all_time.newest_id)
    topic = feeds(app).all_time.newest_id.rpartition(":")[0]
    async with stream(app, "/highScores", **{"Last-Event-ID": f"{topic}:2"}) as events:
        publish(settings, board(2, Row(1, "bob", 2, 2)))
        await until(lambda: feeds(app).newest_board.players == 2)
        publish(settings, board(3, Row(1, "eve", 3, 3)), board(4, Row(1, "zoë", 4, 4)))
        first = await events.event()

    assert int(first["id"].rpartition(":")[2]) > 2


async def test_a_client_with_a_board_that_the_topic_has_lost_gets_the_newest_there_is(
    app, settings, monkeypatch
):
    monkeypatch.setattr("web.routes.streams.BEHIND_SECONDS", 0.2)
    publish(settings, board(1, Row(1, "ann", 1, 1)))
    await until(lambda: feeds(app).all_time.newest_id)
    topic = feeds(app).all_time.newest_id.rpartition(":")[0]
    async with stream(app, "/highScores", **{"Last-Event-ID": f"{topic}:7"}) as events:
        assert (await events.event())["id"] == f"{topic}:0"


async def test_the_board_can_be_polled_and_is_sent_only_when_it_has_changed(app, settings):
    client = app.test_client()
    none = await client.get("/top5")
    publish(settings, board(1, Row(1, "ann", 1, 1)))
    await until(lambda: feeds(app).all_time.newest_id)
    first = await client.get("/top5")
    tag = first.headers["ETag"]
    same = [
        await client.get("/top5", headers={"If-None-Match": each})
        for each in (tag, f'W/{tag}, "x"', "*")
    ]
    other = await client.get("/top5", headers={"If-None-Match": '"x"'})

    assert (none.status_code, none.headers["Retry-After"]) == (503, "1")
    assert await first.get_data() == encode_board(board(1, Row(1, "ann", 1, 1)))
    assert (first.mimetype, first.headers["Cache-Control"]) == ("application/json", "no-cache")
    assert tag == f'"{feeds(app).all_time.newest_id}"'
    assert [(each.status_code, await each.get_data()) for each in same] == [(304, b"")] * 3
    assert other.status_code == 200


async def test_a_poll_never_steps_back_to_a_board_before_that_of_another_process(
    app, settings, monkeypatch
):
    publish(settings, board(1, Row(1, "ann", 1, 1)))
    await until(lambda: feeds(app).all_time.newest_id)
    topic = feeds(app).all_time.newest_id.rpartition(":")[0]
    known = {"If-None-Match": f'W/"{topic}:1"'}
    polled = asyncio.create_task(app.test_client().get("/top5", headers=known))
    publish(settings, board(2, Row(1, "bob", 2, 2)))
    same = await polled
    known = {"If-None-Match": f'"{topic}:7"'}
    monkeypatch.setattr("web.routes.board.BEHIND_SECONDS", 0.1)
    lost = await app.test_client().get("/top5", headers=known)
    monkeypatch.setattr(feeds(app), "is_stale", lambda: True)
    behind = await app.test_client().get("/top5", headers=known)

    assert same.status_code == 304
    assert (lost.status_code, lost.headers["ETag"]) == (200, f'"{topic}:1"')
    assert behind.status_code == 503


async def test_recreated_topics_leave_nothing_of_the_deleted_ones(app, settings):
    client = app.test_client()
    publish(settings, board(1, Row(1, "ann", 1, 1)))
    await client.post("/newScore", json={"user": "ann", "score": 1})
    await until(lambda: feeds(app).all_time.newest_id and feeds(app).newest_scores)
    recreate(settings, "top_5", "scores")
    await until(lambda: not feeds(app).all_time.newest_id and not feeds(app).newest_scores, 30)
    await until(lambda: not app.extensions["leaderboard"].problems(), 30)
    none = await client.get("/top5")
    page = await (await client.get("/")).get_data(as_text=True)
    history = feeds(app).all_time.history("")
    answer = await client.post("/newScore", json={"user": "ann", "score": 2})
    await until(lambda: feeds(app).newest_scores, 10)

    assert none.status_code == 503
    assert ">ann<" not in page
    assert b'{"boards":[]}' in history
    assert (await answer.get_json())["offset"] == 0  # where an earlier score of the user was
    assert [score.score for score in feeds(app).newest_scores] == [2]


def recreate(settings, *kinds):
    """Delete topics, and create them again."""
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    names = [getattr(settings.topics, kind).name for kind in kinds]
    for deleted in admin.delete_topics(names, request_timeout=10).values():
        deleted.result(60)
    until_true(lambda: not set(names) & admin.list_topics(timeout=5).topics.keys())
    await_topics(settings)


@pytest.mark.parametrize("path", ["/highScores", "/events", "/live"])
async def test_head_of_a_stream_has_an_empty_body(app, path):
    answer = await asyncio.wait_for(app.test_client().head(path), 5)

    assert answer.status_code == 200
    assert answer.mimetype == "text/event-stream"
    assert await answer.get_data() == b""


async def test_a_client_that_leaves_is_forgotten(app):
    for _ in range(20):
        async with stream(app, "/live"):
            await until(lambda: len(feeds(app).all_time.live) == 1)
        await until(lambda: len(feeds(app).all_time.live) == 0)

    assert len(app.extensions["leaderboard"].stream_limiter) == 0


async def test_a_heartbeat_follows_a_silence(settings):
    made = create_app(
        settings.model_copy(
            update={"web": settings.web.model_copy(update={"heartbeat_seconds": 0.1})}
        )
    )
    async with made.test_app(), made.test_client().request("/highScores") as connection:
        await connection.send_complete()
        chunks = [await asyncio.wait_for(connection.receive(), 5) for _ in range(3)]
        await connection.disconnect()

    assert chunks == [b":\n"] * 3


async def test_without_messages_the_page_is_complete(app):
    answer = await app.test_client().get("/")
    page = await answer.get_data(as_text=True)

    assert answer.status_code == 200
    assert 'id="board"' in page


async def test_every_response_has_the_security_headers(app):
    for path in ("/", "/events", "/static/page.js", "/nothing", "/health"):
        answer = await asyncio.wait_for(app.test_client().head(path), 5)

        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_failure_shows_neither_traceback_nor_path(app, monkeypatch):
    monkeypatch.setattr(feeds(app), "newest_scores", lambda: 1 / 0)
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = await app.test_client().get("/")
    text = await answer.get_data(as_text=True)

    assert answer.status_code == 500
    assert "Traceback" not in text
    assert ".py" not in text


async def test_metrics_count_posts_and_streams(app):
    client = app.test_client()
    await client.post("/newScore", json={"user": "ann", "score": 1})
    await client.post("/newScore", json={"user": "ann"})
    async with stream(app, "/events") as events:
        await events.event()
        text = (await (await client.get("/metrics")).get_data()).decode()

    assert 'leaderboard_web_posts_total{outcome="accepted"} 1.0' in text
    assert 'leaderboard_web_posts_total{outcome="refused"} 1.0' in text
    assert 'leaderboard_web_streams{stream="scores"} 1.0' in text


def with_web(settings, **values):
    return settings.model_copy(update={"web": settings.web.model_copy(update=values)})


async def test_a_client_that_posts_too_often_learns_when_to_try_again(settings):
    made = create_app(with_web(settings, posts_per_second=0.01, posts_burst=2))
    async with made.test_app():
        await until(lambda: not made.extensions["leaderboard"].problems(), 30)
        client = made.test_client()
        answers = [
            await client.post("/newScore", json={"user": "ann", "score": 1}) for _ in range(3)
        ]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert 90 < int(answers[2].headers["Retry-After"]) <= 100


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_broker_of_any_topic_that_answers_no_more_is_logged_and_the_board_may_be_outdated(
    settings, caplog, place
):
    """The log has it as `/ready` does: whoever is called by its alert reads the log."""
    made = brokerless(settings)
    services = made.extensions["leaderboard"]
    for reader in services.readers:
        reader.note_caught_up()
    silent = services.readers[place]
    silent.__dict__.update(_answered=-1_000_000, answered_ms=7)  # long ago
    caplog.set_level("INFO")
    async with made.test_app():
        services._publish_status()  # noqa: SLF001 - nothing is read here
        ready = (await made.test_client().get("/ready")).status_code

    assert ready == 503
    assert services.feeds.status.stale_since == 7
    assert f"the broker of {silent.name} has not answered" in caplog.text


async def test_a_client_that_this_process_is_behind_of_gets_the_reason(settings, monkeypatch):
    monkeypatch.setattr("web.routes.streams.BEHIND_SECONDS", 0)
    made = brokerless(settings)
    async with made.test_app(), stream(made, "/live", **{"Last-Event-ID": "topic:7"}) as events:
        status = await events.document()

    assert status["refused"] == "behind"


async def test_a_client_with_too_many_streams_learns_when_to_try_again(settings):
    made = create_app(with_web(settings, streams_per_client=1))
    async with made.test_app(), stream(made, "/live"):
        await until(lambda: len(feeds(made).all_time.live) == 1)
        answer = await asyncio.wait_for(made.test_client().get("/live"), 5)
        text = await answer.get_data(as_text=True)

    assert answer.status_code == 200
    assert text.startswith("retry: ")
    assert int(text.split()[1]) >= 10_000
    assert '"refused":"full"' in text


async def test_without_the_token_nobody_may_post(settings):
    made = create_app(with_web(settings, token="sesame"))  # noqa: S106 - of this test
    async with made.test_app():
        await until(lambda: not made.extensions["leaderboard"].problems(), 30)
        client = made.test_client()
        refused = await client.post("/newScore", json={"user": "ann", "score": 1})
        bearer = {"Authorization": "Bearer sesame"}
        accepted = await client.post("/newScore", json={"user": "ann", "score": 1}, headers=bearer)
        form = {"user": "ann", "score": "1", "token": "sesame"}
        posted = await client.post("/newScore", form=form)
        page = await (await client.get("/")).get_data(as_text=True)

    assert [refused.status_code, accepted.status_code, posted.status_code] == [401, 202, 303]
    assert 'name="token"' in page


@pytest.mark.parametrize("user", ["ann", "a/b", "/a", "zoë 👩‍🚀", "..", "a?b"])
async def test_an_operator_removes_a_user_with_the_token(settings, user, caplog):
    caplog.set_level(logging.INFO)
    made = create_app(with_web(settings, token="sesame"))  # noqa: S106 - of this test
    path = f"/users/{quote(user, safe='/')}?reason=a%20bot"
    async with made.test_app():
        await until(lambda: not made.extensions["leaderboard"].problems(), 30)
        client = made.test_client()
        refused = await client.delete(path)
        done = await client.delete(path, headers={"Authorization": "Bearer sesame"})

    assert [refused.status_code, done.status_code] == [401, 202]
    assert f"the user {user!r} is removed, for the reason 'a bot'" in caplog.text
    assert written(settings) == [(user, None)]


async def test_the_scores_of_a_removed_user_are_shown_no_more(settings):
    made = create_app(with_web(settings, token="sesame"))  # noqa: S106 - of this test
    operator = {"Authorization": "Bearer sesame"}
    async with made.test_app():
        await until(lambda: not made.extensions["leaderboard"].problems(), 30)
        client = made.test_client()
        for user in ("rude", "ann"):
            await client.post("/newScore", json={"user": user, "score": 1}, headers=operator)
        await until(lambda: len(feeds(made).newest_scores) == 2, 30)
        async with stream(made, "/live?events=score") as open_before:
            await client.delete("/users/rude", headers=operator)
            await until(lambda: [it.user for it in feeds(made).newest_scores] == ["ann"])
            before = [await open_before.event() for _ in range(3)]  # two scores and a beat
            removal = await open_before.event()
        async with stream(made, "/events") as events:
            first = await events.document()

    (rude,) = [json.loads(each["data"]) for each in before if '"rude"' in each["data"]]
    removed = json.loads(removal["data"])
    assert removal["event"] == "removal"
    assert removed == {"user": "rude", "partition": rude["partition"], "offset": rude["offset"] + 1}
    assert first["user"] == "ann"


async def test_nobody_removes_users_where_no_token_is_set(app, settings):
    answer = await app.test_client().delete("/users/ann")

    assert answer.status_code == 403
    assert written(settings) == []


async def test_pages_of_listed_origins_may_post_with_the_token(settings):
    made = create_app(
        with_web(settings, token="sesame", post_origins=("https://a.example",))  # noqa: S106
    )
    async with made.test_app():
        await until(lambda: not made.extensions["leaderboard"].problems(), 30)
        client, score = made.test_client(), {"user": "ann", "score": 1}
        friend = {"Origin": "https://a.example", "Sec-Fetch-Site": "cross-site"}
        bearer = {"Authorization": "Bearer sesame"}
        preflight = await client.options("/newScore", headers=friend)
        posted = await client.post("/newScore", json=score, headers={**friend, **bearer})
        without = await client.post("/newScore", json=score, headers=friend)
        other = await client.post(
            "/newScore", json=score, headers={"Origin": "https://b.example", **bearer}
        )

    assert "POST" in preflight.headers["Allow"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert [posted.status_code, without.status_code, other.status_code] == [202, 401, 403]
    assert posted.headers["Access-Control-Allow-Origin"] == "https://a.example"


async def test_a_closed_form_is_not_shown_and_takes_nothing_from_browsers(settings):
    made = create_app(with_web(settings, form=False, title="Cup <1>"))
    async with made.test_app():
        await until(lambda: not made.extensions["leaderboard"].problems(), 30)
        client, score = made.test_client(), {"user": "ann", "score": 1}
        page = await (await client.get("/")).get_data(as_text=True)
        form = await client.post("/newScore", form={"user": "ann", "score": "1"})
        browser = await client.post(
            "/newScore", json=score, headers={"Sec-Fetch-Site": "same-origin"}
        )
        program = await client.post("/newScore", json=score)

    assert 'action="newScore"' not in page
    assert "<h1>Cup &lt;1&gt;</h1>" in page
    assert [form.status_code, browser.status_code, program.status_code] == [403, 403, 202]


async def test_pages_of_listed_origins_may_frame_the_page_and_nobody_else(settings):
    policies = []
    for given in ({}, {"frame_ancestors": ("https://a.example",)}):
        made = create_app(with_web(settings, **given))
        async with made.test_app():
            answer = await made.test_client().get("/health")
        policies.append(answer.headers["Content-Security-Policy"].rpartition("; ")[2])

    assert policies == ["frame-ancestors 'none'", "frame-ancestors https://a.example"]


async def test_without_a_broker_it_is_alive_and_not_ready(settings, monkeypatch):
    monkeypatch.setattr("web.kafka.producer.ANSWER_SECONDS", 0.5)
    made = create_app(settings.model_copy(update={"bootstrap_servers": "127.0.0.1:1"}))
    async with made.test_app():
        client = made.test_client()
        answers = [await client.get(path) for path in ("/health", "/ready", "/")]
        posted = await client.post("/newScore", json={"user": "ann", "score": 1})

    assert [answer.status_code for answer in answers] == [200, 503, 200]
    assert posted.status_code == 503
    assert "post it again" in (await posted.get_json())["error"]


async def test_the_cors_setting_is_for_the_streams_alone(settings):
    made = create_app(with_web(settings, cors_origins=("https://a.example",)))
    async with made.test_app():
        client = made.test_client()
        friend, other = {"Origin": "https://a.example"}, {"Origin": "https://b.example"}
        allowed = await client.head("/highScores", headers=friend)
        refused = await client.head("/highScores", headers=other)
        preflight = await client.options("/live", headers=friend)
        page = await client.head("/", headers=friend)

    name = "Access-Control-Allow-Origin"
    assert allowed.headers[name] == "https://a.example"
    assert name not in refused.headers
    assert (preflight.status_code, preflight.headers[name]) == (200, "https://a.example")
    assert "GET" in preflight.headers["Allow"]
    assert name not in page.headers


async def test_scores_that_no_flow_counts_are_a_problem_until_one_commits(
    app, settings, monkeypatch
):
    monkeypatch.setattr("web.kafka.flow.POSITIONS_SECONDS", 0)
    monkeypatch.setattr("web.kafka.flow.STALL_SECONDS", 1)
    services = app.extensions["leaderboard"]
    async with asyncio.timeout(30):
        while "no flow was seen to count" not in str(services.feeds.status):
            posted = await app.test_client().post("/newScore", json={"user": "ann", "score": 120})
            receipt = await posted.get_json()
            await asyncio.sleep(0.1)  # below the limit of one client
    stale_since, problems = services.feeds.status
    commit(settings, receipt["partition"], receipt["offset"] + 1)
    await until(lambda: not services.problems(), 20)

    assert stale_since is None
    assert len(problems) == 1


async def test_a_board_that_top5_does_not_write_is_a_problem_until_it_comes(app, settings):
    services = app.extensions["leaderboard"]
    services.feeds.lag = BoardLag(1 - LAG_SECONDS)
    publish(settings, board(1, Row(1, "ann", 120, 1)))
    producer = Producer(clients.producer(settings))
    for user, score in ((b"ann", b"120"), (b"bob", b"130")):
        producer.produce(settings.topics.high_scores.name, score, user)
    producer.flush(10)
    await until(lambda: "does top5 run?" in str(services.problems()), 20)
    await until(services.feeds.is_stale, 5)
    publish(settings, board(2, Row(1, "bob", 130, 2), Row(2, "ann", 120, 1)))
    await until(lambda: not services.problems(), 20)

    assert not services.feeds.is_stale()


def commit(settings, partition, position):
    """Commit a position as the flow does."""
    flow = Consumer({"bootstrap.servers": settings.bootstrap_servers, "group.id": settings.group})
    at = TopicPartition(settings.topics.scores.name, partition, position)
    flow.commit(offsets=[at], asynchronous=False)
    flow.close()

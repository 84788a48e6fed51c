"""A client that waits for the outcome of its score gets it, on a real broker."""

import asyncio
import re
from contextlib import asynccontextmanager
from urllib.parse import urljoin

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from conf import clients
from dataflows.kafka.partitioner import partition_of
from dataflows.kafka.topics import await_topics
from dataflows.leaderboard import Board, Row
from dataflows.wire import ORIGIN, Origin, encode_origin
from tests.support import raw_header
from tests.support.boards import publish
from tests.support.openapi import check_response
from tests.support.processes import running
from tests.support.until import until
from web.app import create_app
from web.kafka.records import Receipt

WAIT = {"Prefer": "wait=60"}


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    monkeypatch.setattr("web.routes.scores.WAIT_SECONDS", 60)


@asynccontextmanager
async def serving(settings):
    app = create_app(settings)
    async with app.test_app():
        await until(lambda: not app.extensions["leaderboard"].problems(), 30)
        yield app


async def post(app, user, score, headers=WAIT):
    answer = await app.test_client().post(
        "/newScore", json={"user": user, "score": score}, headers=headers
    )
    assert answer.status_code == 202
    await check_response(answer, "/newScore", "post")
    return await answer.get_json(), answer.headers


async def outcomes(app, *scores):
    return [(await post(app, user, score))[0]["outcome"] for user, score in scores]


class Flow:
    """The flow by hand: what it writes for a score, and what it commits."""

    def __init__(self, settings):
        self._settings = settings
        self._topics = await_topics(settings)
        self._producer = Producer(clients.producer(settings))

    def improve(self, user, score, receipt, *, topic_id="", origin=None):
        partition, offset = receipt
        found = Origin(topic_id or self._topics["scores"].id, partition, offset)
        high_scores = self._topics["high_scores"]
        self._producer.produce(
            high_scores.name,
            b"%d" % score,
            user,
            partition=partition_of(user, high_scores.partitions),
            headers=[(ORIGIN, origin or encode_origin(found))],
        )
        assert self._producer.flush(10) == 0

    def publish(self, *rows):
        board = Board("all-time", 9, 7, tuple(Row(rank, *row) for rank, row in enumerate(rows, 1)))
        publish(self._settings, board)

    def commit(self, receipt):
        consumer = Consumer(clients.consumer(self._settings))
        partition, offset = receipt
        at = TopicPartition(self._topics["scores"].name, partition, offset + 1)
        consumer.commit(offsets=[at], asynchronous=False)
        consumer.close()


async def next_receipt(app, user):
    """Post a score without waiting; return where the user's next score will be."""
    first, _ = await post(app, user, 1, {})
    return first["partition"], first["offset"] + 1


async def test_with_both_flows_it_is_top_counted_or_best(settings, names):
    names_of_five = [(f"user{each}", 100 + each) for each in range(5)]
    with running(names):
        async with serving(settings) as app:
            await until(lambda: app.extensions["leaderboard"].feeds.all_time.newest_id, 30)
            first = await outcomes(app, *names_of_five)
            later = await outcomes(app, ("user4", 7), ("ann", 3), ("ann", 5), ("ann", 500))

    assert first == ["top"] * 5
    assert later == ["counted", "best", "best", "top"]


async def test_without_a_flow_it_is_received_and_a_client_that_does_not_ask_gets_no_outcome(
    settings, monkeypatch
):
    async with serving(settings) as app:
        unasked, headers = await post(app, "ann", 120, {})
        asked, applied = await post(app, "ann", 120, {"Prefer": "wait=1"})
        monkeypatch.setattr("web.posting.waiting.PENDING_MAX", 0)
        at_once, _ = await asyncio.wait_for(post(app, "ann", 120), 30)

    assert unasked.keys() == {"partition", "offset"}
    assert "Preference-Applied" not in headers
    assert asked["outcome"] == at_once["outcome"] == "received"
    assert applied["Preference-Applied"] == "wait=1"


async def test_a_form_asks_with_a_field_and_gets_the_outcome_in_the_address(settings):
    async with serving(settings) as app:
        receipt = await next_receipt(app, "ann")
        flow = Flow(settings)
        client = app.test_client()
        form = {"user": "ann", "score": "7", "wait": "60"}
        posted = asyncio.create_task(client.post("/newScore", form=form))
        await until(lambda: is_written(settings, receipt))
        flow.improve(b"ann", 7, receipt)
        flow.publish(("ann", 7, 5))
        answer = await posted
        location = urljoin("/newScore", answer.headers["Location"])
        page = await (await client.get(location)).get_data(as_text=True)
        other = await (await client.get("/?outcome=<b>")).get_data(as_text=True)

    assert (answer.status_code, location) == (303, "/?user=ann&outcome=top")
    assert "Rank 1 of 1, in the lead." in page
    assert "In the top 5." in page
    assert "In the top 5." not in other
    assert "<b>" not in other


async def test_without_ranks_the_outcome_is_told_from_the_board_alone(settings):
    off = settings.model_copy(update={"web": settings.web.model_copy(update={"ranks": False})})
    async with serving(off) as app:
        feeds = app.extensions["leaderboard"].feeds
        receipt = await next_receipt(app, "ann")
        flow = Flow(settings)
        posted = asyncio.create_task(post(app, "ann", 7))
        await until(lambda: is_written(settings, receipt))
        flow.publish(("ann", 7, 5))
        shown, _ = await posted
        again, _ = await post(app, "ann", 7, {"Prefer": "wait=1"})
        unseen, _ = await post(app, "ann", 3, {"Prefer": "wait=1"})

    assert feeds.newest_board.rows[0].user == "ann"
    assert shown.keys() == {"partition", "offset", "outcome"}
    assert [each["outcome"] for each in (shown, again, unseen)] == ["top", "received", "received"]


def is_written(settings, receipt):
    partition, offset = receipt
    consumer = Consumer(clients.consumer(settings))
    at = TopicPartition(settings.topics.scores.name, partition)
    end = consumer.get_watermark_offsets(at, 10)[1]
    consumer.close()
    return end > offset


async def test_only_a_message_for_this_very_score_written_while_it_waits_counts(settings):
    async with serving(settings) as app:
        receipt = await next_receipt(app, "ann")
        flow = Flow(settings)
        flow.improve(b"ann", 900, (receipt[0], receipt[1] + 1))
        posted = asyncio.create_task(post(app, "ann", 7))
        await until(lambda: is_written(settings, receipt))
        flow.improve(b"ann", 7, receipt)
        first, _ = await posted
        flow.publish(("bob", 9, 1), ("cy", 9, 1), ("di", 9, 1), ("ed", 9, 1), ("flo", 9, 1))
        posted = asyncio.create_task(post(app, "ann", 8))
        receipt = receipt[0], receipt[1] + 1
        await until(lambda: is_written(settings, receipt))
        flow.improve(b"ann", 8, receipt, topic_id="another1")
        flow.commit(receipt)
        second, _ = await posted

    assert first["outcome"] == "best"
    assert second["outcome"] == "counted"


async def test_a_message_that_cannot_be_read_stops_no_outcome_and_is_named(settings, caplog):
    name = settings.topics.high_scores.name
    async with serving(settings) as app:
        receipt = await next_receipt(app, "ann")
        flow = Flow(settings)
        posted = asyncio.create_task(post(app, "ann", 7))
        await until(lambda: is_written(settings, receipt))
        for score in range(50):  # by now the interpreter has specialised the calls
            flow.improve(b"ann", score, Receipt(99, score))
        raw_header.write(settings.bootstrap_servers, name, b"ann", b"5")
        flow.improve(b"ann", 5, Receipt(0, 0), origin=b"nonsense")
        flow.improve(b"ann", 7, receipt)
        first, _ = await posted
        metrics = await (await app.test_client().get("/metrics")).get_data(as_text=True)

    assert first["outcome"] in {"best", "top"}
    assert f'leaderboard_web_unreadable_total{{topic="{name}"}} 2.0' in metrics
    assert re.search(rf"{name}\[\d+\]@\d+, key b'\w+', is skipped", caplog.text)


async def test_after_any_failure_of_the_reader_the_next_score_has_an_outcome_again(
    settings, monkeypatch
):
    async with serving(settings) as app:
        receipt = await next_receipt(app, "ann")
        flow = Flow(settings)
        services = app.extensions["leaderboard"]
        with monkeypatch.context() as patch:
            patch.setattr("web.kafka.table.TableReader.poll", lambda _: 1 / 0)
            await until(lambda: services.readers[2].errors)
        await until(lambda: not services.problems(), 30)
        posted = asyncio.create_task(post(app, "ann", 8))
        await until(lambda: is_written(settings, receipt))
        flow.improve(b"ann", 8, receipt)
        answer, _ = await posted

    assert answer["outcome"] in {"best", "top"}
    assert answer["rank"] == 1


async def test_a_best_that_a_reader_finds_at_its_start_is_never_called_counted(
    settings, monkeypatch
):
    monkeypatch.setattr("web.kafka.reader.RETRY_SECONDS", (0.01,))
    monkeypatch.setattr("web.routes.scores.WAIT_SECONDS", 20)
    async with serving(settings) as app:
        receipt = await next_receipt(app, "ann")
        flow = Flow(settings)
        services = app.extensions["leaderboard"]
        posted = asyncio.create_task(post(app, "ann", 8, {"Prefer": "wait=20"}))
        await until(lambda: is_written(settings, receipt))
        with monkeypatch.context() as patch:
            patch.setattr("web.kafka.table.TableReader.poll", lambda _: 1 / 0)
            await until(lambda: services.readers[2].errors)
            flow.improve(b"ann", 8, receipt)
            flow.commit(receipt)
        answer, _ = await posted

    assert answer["outcome"] == "received"


async def test_an_end_while_a_client_waits_answers_it_at_once(settings):
    async with serving(settings) as app:
        posted = asyncio.create_task(post(app, "ann", 120, WAIT))
        services = app.extensions["leaderboard"]
        await until(lambda: any(each.is_written() for each in services.watcher._pending))  # noqa: SLF001
        services.end()
        answer, _ = await asyncio.wait_for(posted, 30)

    assert answer["outcome"] == "received"

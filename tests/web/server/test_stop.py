"""The end of the server: what is under way may finish, and nothing holds it up."""

import asyncio

import pytest

from tests.support.served import serving
from tests.support.until import until
from web.kafka.records import Receipt

FORM = "Content-Type: application/x-www-form-urlencoded"


class Kafka:
    """Acknowledges a score when a test says so."""

    def __init__(self, monkeypatch, served):
        self.acknowledged = asyncio.Event()
        monkeypatch.setattr(served.services.producer, "produce", self.produce)

    async def produce(self, _key, _value):
        await self.acknowledged.wait()
        return Receipt(0, 7)


@pytest.fixture
def _little_grace(monkeypatch):
    monkeypatch.setattr("web.server.server.GRACE_SECONDS", 0.05)


async def post(served):
    """Post a score; return the task of its answer once the server waits for Kafka."""
    posting = asyncio.create_task(
        served.ask("/newScore", FORM, "Accept: */*", method="POST", body=b"user=ann&score=1")
    )
    await until(lambda: served.server._busy)  # noqa: SLF001 - what a client cannot see
    return posting


@pytest.mark.usefixtures("_little_grace")
async def test_a_post_that_is_under_way_at_the_end_is_answered(monkeypatch):
    async with serving(monkeypatch) as served:
        kafka = Kafka(monkeypatch, served)
        posting = await post(served)
        stopping = asyncio.create_task(served.stop())
        done, _ = await asyncio.wait([posting, stopping], timeout=0.5)
        kafka.acknowledged.set()
        status, _, _ = await posting
        await stopping

    assert not done
    assert status == 303


@pytest.mark.usefixtures("_little_grace")
async def test_a_post_that_takes_too_long_does_not_hold_up_the_end(monkeypatch):
    monkeypatch.setattr("web.server.server.REQUEST_SECONDS", 0.2)
    async with serving(monkeypatch) as served:
        Kafka(monkeypatch, served)
        posting = await post(served)
        await asyncio.wait_for(served.stop(), 5)
        status, _, _ = await posting

    assert status == 0


async def test_an_unused_connection_does_not_hold_up_the_end(monkeypatch):
    monkeypatch.setattr("web.server.server.GRACE_SECONDS", 60)
    async with serving(monkeypatch) as served:
        reader, writer = await served.connect()
        writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"}\n")
        await asyncio.wait_for(served.stop(), 5)
        writer.close()

    assert await reader.read() == b""

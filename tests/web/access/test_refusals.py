"""What is refused is counted by its limit, and logged once a minute."""

import logging

from tests.support.served import serving
from tests.support.until import until
from web.access.refusals import Refusals


def test_refusals_are_logged_once_a_minute_with_their_limit_and_the_last_client(caplog):
    refusals = Refusals()
    refusals.report(0)
    refusals.add("stream", "client", "1.1.1.1")
    refusals.report(1)
    refusals.add("stream", "client", "1.1.1.1")
    refusals.add("stream", "client", "2.2.2.2")
    refusals.add("connection", "server", "3.3.3.3")
    for now in (2, 60, 61, 62, 200):
        refusals.report(now)

    first, second = caplog.messages

    assert first == "refused: streams beyond the limit of one client: 1, last from 1.1.1.1"
    assert "streams beyond the limit of one client: 2, last from 2.2.2.2" in second
    assert "connections beyond the limit of all clients: 1, last from 3.3.3.3" in second


async def test_what_is_refused_at_any_place_is_in_the_metrics_and_in_the_log(monkeypatch, caplog):
    caplog.set_level(logging.WARNING)
    limits = {"streams_per_client": 1, "posts_burst": 1, "posts_per_second": 0.01, "token": "x"}
    async with serving(monkeypatch, **limits) as served:
        for _ in range(2):
            await served.ask("/newScore", method="POST")
        assert not served.services.stream_limiter.acquire("127.0.0.1")
        await served.ask("/live")
        idle = [await served.connect() for _ in range(6)]
        await served.say(b"")
        for _, writer in idle:
            writer.close()
        await until(lambda: not len(served.server))
        _, _, metrics = await served.ask("/metrics")
        await until(lambda: "refused: " in caplog.text)

    for what in ("connection", "stream", "post"):
        line = f'leaderboard_web_refused_total{{limit="client",what="{what}"}} 1.0'
        assert line in metrics.decode()


async def test_a_hall_full_of_people_may_share_one_address(monkeypatch):
    async with serving(monkeypatch) as served:
        streams = [await served.connect() for _ in range(300)]
        for _, writer in streams:
            writer.write(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: len(served.feeds.all_time.live) == 300)
        idle = [await served.connect() for _ in range(300)]
        status, _, _ = await served.ask("/")
        for _, writer in streams + idle:
            writer.close()

    assert status == 200
    assert not served.services.refusals.counts

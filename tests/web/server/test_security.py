"""What a client may not do, on the real server over bare sockets."""

import asyncio
import contextlib
import errno
import gc
import json
import logging
import random
import ssl
import time

import pytest
import pytest_asyncio

from tests.support.served import parse, read_to_end, serving
from tests.support.until import until

FORM = "Content-Type: application/x-www-form-urlencoded"
SCORE = b"user=ann&score=1"
TOKEN = "sesame"  # noqa: S105 - a test's


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served():
    with pytest.MonkeyPatch.context() as patch:
        async with serving(patch) as it:
            yield it


def shorten_timeouts(monkeypatch):
    """Return requests half a second to arrive, not ten."""
    monkeypatch.setattr("web.server.hypercorn.HEAD_SECONDS", 0.5)
    monkeypatch.setattr("web.server.server.KEEP_ALIVE_SECONDS", 0.5)
    monkeypatch.setattr("web.app.BODY_SECONDS", 0.5)


BOMBS = [
    ("a header without an end", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1_000_000),
    (
        "a large header",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ),
    (
        "ten thousand headers",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n"
        + b"".join(b"X-%d: y\r\n" % n for n in range(10_000))
        + b"\r\n",
    ),
    (
        "many headers at once",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 1_000 + b"\r\n",
    ),
    (
        "a header of 17 kB at once",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 17_000 + b"\r\n\r\n",
    ),
    (
        "many long headers at once",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
        + b"".join(b"%d: %b\r\n" % (n, b"y" * 600) for n in range(90))
        + b"\r\n",
    ),
    ("a huge address", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ("a long address", b"GET /?" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ("a first line without an end", b"A" * 1_000_000),
]


@pytest.mark.parametrize("bomb", [it[1] for it in BOMBS], ids=[it[0] for it in BOMBS])
async def test_a_request_that_is_too_large_is_refused_or_cut_off(served, bomb):
    answer = await served.say(bomb)

    assert not answer or parse(answer)[0] in {400, 414, 431}
    assert (await served.ask("/health"))[0] == 200


async def test_a_body_that_is_too_large_is_refused_before_it_has_arrived(served):
    head = f"POST /newScore HTTP/1.1\r\nHost: localhost\r\n{FORM}\r\nContent-Length: 999999999\r\n"
    chunked = head.replace("Content-Length: 999999999", "Transfer-Encoding: chunked")
    announced = await served.say(head.encode() + b"\r\n")
    endless = await served.say(chunked.encode() + b"\r\n", *[b"4000\r\n" + b"a" * 16384] * 8)

    assert parse(announced)[0] == 413
    assert parse(endless)[0] in {400, 413}


async def test_headers_that_trickle_in_are_cut_off(monkeypatch):
    shorten_timeouts(monkeypatch)
    async with serving(monkeypatch) as served:
        reader, writer = await served.connect()
        trickling = asyncio.create_task(
            trickle(writer, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        )
        began = time.monotonic()
        answer = await read_to_end(reader)
        trickling.cancel()
        writer.close()

    assert answer == b""
    assert 0.3 < time.monotonic() - began < 3


async def test_a_body_that_trickles_in_is_refused(monkeypatch):
    shorten_timeouts(monkeypatch)
    async with serving(monkeypatch) as served:
        reader, writer = await served.connect()
        head = (
            f"POST /newScore HTTP/1.1\r\nHost: localhost\r\n{FORM}\r\nContent-Length: 5000\r\n\r\n"
        )
        trickling = asyncio.create_task(trickle(writer, head.encode()))
        answer = await read_to_end(reader)
        trickling.cancel()
        writer.close()

    assert parse(answer)[0] == 408


async def trickle(writer, head):
    """Send a head, then a byte now and then."""
    writer.write(head)
    for _ in range(200):
        await asyncio.sleep(0.05)
        writer.write(b"x")


async def test_a_silent_connection_is_cut_off(monkeypatch):
    shorten_timeouts(monkeypatch)
    async with serving(monkeypatch) as served:
        assert await served.say(seconds=3) == b""
        kept = await served.say(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", seconds=3)

    assert kept.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("first", [b"", b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"])
async def test_a_head_that_trickles_in_is_cut_off_though_unused_connections_are_kept(
    monkeypatch, first
):
    shorten_timeouts(monkeypatch)
    monkeypatch.setattr("web.server.server.KEEP_ALIVE_SECONDS", 60)
    async with serving(monkeypatch) as served:
        reader, writer = await served.connect()
        trickling = asyncio.create_task(trickle(writer, first + b"GET / HTTP/1.1\r\nX: "))
        answer = await asyncio.wait_for(read_until_cut(reader), 5)
        trickling.cancel()
        writer.close()

    assert answer.count(b"HTTP/1.1 ") == bool(first)


async def read_until_cut(reader):
    """Return what comes before the end; it is a reset where the server has left bytes unread."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := await reader.read(65_536):
            found += chunk
    return found


async def test_an_unused_connection_of_a_proxy_is_kept_longer_than_proxies_keep_it(monkeypatch):
    shorten_timeouts(monkeypatch)
    async with serving(monkeypatch, trusted_proxies=1) as served:
        reader, writer = await served.connect()
        for _ in range(2):
            writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = await reader.readuntil(b"}\n")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 1)
        writer.close()
        kept = served.server._config.keep_alive_timeout  # noqa: SLF001 - longer than any test

    assert answer.startswith(b"HTTP/1.1 ")
    assert kept > 600  # Google's proxies close theirs after 600 s


async def test_a_client_that_does_not_read_its_responses_is_cut_off(monkeypatch):
    monkeypatch.setattr("web.server.server.KERNEL_EXTRA_SECONDS", 0)
    async with serving(monkeypatch, stall_seconds=1) as served:
        served.app.route("/large")(large)
        _, writer = await served.connect()
        writer.transport.pause_reading()
        writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        await until(lambda: len(served.server))
        await until(lambda: not len(served.server), 20)
        writer.transport.abort()


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ETIMEDOUT, ""), OSError(errno.EHOSTUNREACH, ""), ssl.SSLError(1, "")],
    ids=["vanished", "unreachable", "broken TLS"],
)
async def test_whatever_ends_a_connection_during_a_response_is_no_error_of_the_server(
    monkeypatch, caplog, error
):
    async with serving(monkeypatch) as served:
        served.app.route("/large")(large)
        _, writer = await served.connect()
        writer.transport.pause_reading()
        writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: any(it.get_write_buffer_size() for it in served.server.transports()))
        (transport,) = served.server.transports()
        transport._fatal_error(error)  # noqa: SLF001 - as the kernel's
        await until(lambda: not len(served.server))
        writer.transport.abort()
    gc.collect()  # asyncio logs what a task has raised when the task is forgotten

    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


async def large():
    return b"x" * 30_000_000


SMUGGLED = [
    ("two lengths", "Content-Length: 5\r\nContent-Length: 6"),
    ("a length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
    ("chunks in disguise", "Transfer-Encoding: xchunked"),
    ("chunks twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    ("a signed length", "Content-Length: +5"),
    ("a space before the colon", "Content-Length : 5"),
    ("a line that goes on", "Content-Length: 5\r\n X: y"),
]


@pytest.mark.parametrize("header", [it[1] for it in SMUGGLED], ids=[it[0] for it in SMUGGLED])
async def test_a_body_of_ambiguous_length_is_refused_with_all_that_follows(served, header):
    smuggled = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = f"POST /newScore HTTP/1.1\r\nHost: localhost\r\n{FORM}\r\n{header}\r\n\r\n"
    answer = await served.say(head.encode() + b"0\r\n\r\n" + smuggled, seconds=2)

    assert b"alive" not in answer
    assert parse(answer)[0] in {400, 501}


METHODS = [
    ("PUT", "/highScores", 405),
    ("DELETE", "/", 405),
    ("TRACE", "/", 405),
    ("GET", "/newScore", 405),
    ("POST", "/live", 405),
    ("PATCH", "/static/page.js", 405),
    ("OPTIONS", "/newScore", 200),
    ("HEAD", "/", 200),
    ("HEAD", "/events", 200),
    ("GET", "/nothing", 404),
    ("GET", "/static/../app.py", 404),
    ("GET", "/static/%2e%2e/app.py", 404),
    ("GET", "//evil.example/", 404),
    ("GET", "/%00", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), METHODS)
async def test_a_missing_route_or_method_is_refused_with_the_headers_of_security_and_of_errors(
    served, method, path, status
):
    found, headers, body = await served.ask(path, method=method)

    assert found == status
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers
    assert b".py" not in body.replace(b"/app.py", b"")
    if status >= 400:
        assert headers["cache-control"] == "no-store"
    if status == 405:
        assert headers["allow"]
    if method == "HEAD":
        assert body == b""


@pytest.mark.parametrize(
    "request_line",
    [
        b"CONNECT evil.example:443 HTTP/1.1",
        b"GET http://localhost/health HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
    ],
)
async def test_request_lines_for_proxies_do_no_harm(served, request_line):
    answer = await served.say(request_line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    assert parse(answer)[0] in {0, 200, 400, 404, 405}


@pytest.mark.parametrize("target", [b"?x=1", b"?", b"http://[", b"http://%5B/health"])
async def test_a_request_line_without_a_path_is_refused_and_no_error_of_the_server(
    served, caplog, target
):
    rest = b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = await served.say(b"GET " + target + rest + b"GET /health" + rest)
    status, headers, body = parse(answer)

    assert (status, headers["connection"]) == (400, "close")
    assert b"alive" not in body
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("path", ["/live", "?x=1"])
async def test_a_websocket_is_refused(served, path):
    status, _, _ = await served.ask(
        path,
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Connection: upgrade",
    )

    assert 400 <= status < 500


PIECES = [
    b"GET",
    b"POST",
    b" /newScore",
    b" /live?lastEventId=t:1",
    b" /static/page.js",
    b" HTTP/1.1",
    b"\r\n",
    b"Host: localhost",
    b"Transfer-Encoding: chunked",
    b"Content-Length: 16",
    b"Content-Type: application/json",
    b"Expect: 100-continue",
    b"Upgrade: h2c",
    b"If-None-Match: *",
    b"Range: bytes=0-1",
    b"Last-Event-ID: \xff",
    b"Prefer: wait=9e99",
    b"10\r\n",
    b"\0",
    b"\xff\xfe",
    b'{"user":1,"score":',
]


LINES = [
    b"GET /top5 HTTP/1.1",
    b"GET / HTTP/1.0",
    b"POST /newScore HTTP/1.1",
    b"GET /events HTTP/1.1",
    b"HEAD /live HTTP/1.1",
    b"OPTIONS /openapi.json HTTP/1.1",
    b"GET /static/page.js HTTP/1.1",
    b"GET /%ff%00?%ff=%zz HTTP/1.1",
]


async def test_no_random_pieces_of_requests_are_an_error_of_the_server(monkeypatch):
    shorten_timeouts(monkeypatch)
    dice = random.Random(7)
    inputs = [b"".join(dice.choices(PIECES, k=dice.randint(1, 12))) for _ in range(150)]
    inputs += [
        b"\r\n".join([dice.choice(LINES), b"Host: localhost", *dice.sample(PIECES, 3), b"", b"x"])
        for _ in range(150)
    ]
    async with serving(monkeypatch, streams_per_client=0) as served:
        answers = await asyncio.gather(*[served.say_for(3, each) for each in inputs])
        health = await served.ask("/health")
    statuses = {parse(answer)[0] for answer in answers if answer.startswith(b"HTTP/1.1")}

    assert health[0] == 200
    assert len(statuses) > 2
    assert not {status for status in statuses if status >= 500} - {501, 503}
    assert not any(b"Traceback" in answer for answer in answers)


HOSTS = [
    ("localhost:8000", 200),
    ("127.0.0.1", 200),
    ("[::1]:8000", 200),
    ("10.1.2.3", 200),
    ("board.localhost", 200),
    ("evil.example", 421),
    ("localhost.evil.example", 421),
    ("localhost@evil.example", 421),
    ("127.0.0.1.evil.example", 421),
]


@pytest.mark.parametrize(("host", "status"), HOSTS)
async def test_a_name_that_another_site_points_here_is_not_served(served, host, status):
    assert (await served.ask("/health", host=host))[0] == status


async def test_a_page_of_a_rebound_name_cannot_post_though_it_has_the_same_origin(served):
    headers = (FORM, "Origin: http://evil.example", "Sec-Fetch-Site: same-origin")
    status, _, body = await served.ask(
        "/newScore", *headers, method="POST", host="evil.example", body=SCORE
    )

    assert status == 421
    assert "web.hosts" in json.loads(body)["error"]


async def test_only_the_names_that_are_set_are_served(monkeypatch):
    async with serving(monkeypatch, hosts=("scores.example",)) as served:
        named = await served.ask("/health", host="Scores.example:8000")
        other = await served.ask("/health", host="localhost")

    assert (named[0], other[0]) == (200, 421)


async def test_the_posts_of_a_client_are_limited_and_no_header_makes_it_another_client(monkeypatch):
    async with serving(monkeypatch, posts_burst=1, posts_per_second=0.01, token=TOKEN) as served:
        answers = [
            await served.ask("/newScore", FORM, header, method="POST", body=SCORE)
            for header in ("X: y", "X-Forwarded-For: 6.6.6.6", "Remote-Addr: 7.7.7.7")
        ]

    assert [answer[0] for answer in answers] == [401, 429, 429]
    assert int(answers[1][1]["retry-after"]) >= 1


async def test_nobody_guesses_the_token_by_removals_faster_than_by_posts(monkeypatch):
    async with serving(monkeypatch, posts_burst=2, posts_per_second=0.01, token=TOKEN) as served:
        wrong = [
            await served.ask("/users/ann", "Authorization: Bearer no", method="DELETE"),
            await served.ask("/newScore", FORM, method="POST", body=SCORE),
        ]
        late = await served.ask("/users/ann", f"Authorization: Bearer {TOKEN}", method="DELETE")

    assert [answer[0] for answer in wrong] == [401, 401]
    assert late[0] == 429
    assert int(late[1]["retry-after"]) >= 1


async def test_a_removal_that_a_page_of_another_site_sends_is_refused_with_that_reason(monkeypatch):
    async with serving(monkeypatch, token=TOKEN) as served:
        header = f"Authorization: Bearer {TOKEN}"
        status, _, body = await served.ask(
            "/users/ann", header, "Sec-Fetch-Site: cross-site", method="DELETE"
        )

    assert status == 403
    assert "another site" in json.loads(body)["error"]


async def test_behind_a_proxy_each_client_has_its_own_limit(monkeypatch):
    web = {"posts_burst": 1, "posts_per_second": 0.01, "token": TOKEN, "trusted_proxies": 1}
    async with serving(monkeypatch, **web) as served:
        statuses = [
            (await served.ask("/newScore", FORM, header, method="POST", body=SCORE))[0]
            for header in (
                "X-Forwarded-For: 1.1.1.1",
                "X-Forwarded-For: 2.2.2.2",
                "X-Forwarded-For: 3.3.3.3, 1.1.1.1",
            )
        ]

    assert statuses == [401, 401, 429]


async def test_the_streams_of_a_client_are_limited_by_a_stream_that_says_so(monkeypatch):
    async with serving(monkeypatch, streams_per_client=2) as served:
        open_ones = [await served.connect() for _ in range(2)]
        for _, writer in open_ones:
            writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: len(served.feeds.scores) == 2)
        status, headers, body = await served.ask("/live")
        for _, writer in open_ones:
            writer.close()
        await until(lambda: len(served.feeds.scores) == 0)
        _reader, writer = await served.connect()
        writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: len(served.feeds.scores) == 1)
        writer.close()

    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert b"retry: " in body
    assert b"event: status\n" in body
    assert b"too many streams" in body


async def test_the_connections_of_a_client_are_limited(monkeypatch):
    async with serving(monkeypatch, streams_per_client=1) as served:
        idle = [await served.connect() for _ in range(6)]
        refused = await served.say(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _, writer in idle:
            writer.close()
        await until(lambda: not len(served.server))
        status, _, _ = await served.ask("/health")

    assert (refused, status) == (b"", 200)


async def test_with_a_token_the_page_asks_for_it_and_no_post_is_accepted_without(monkeypatch):
    async with serving(monkeypatch, token=TOKEN) as served:
        _, _, page = await served.ask("/")
        without = await served.ask("/newScore", FORM, method="POST", body=SCORE)

    assert b'name="token"' in page
    assert without[0] == 401
    assert without[1]["www-authenticate"] == "bearer"

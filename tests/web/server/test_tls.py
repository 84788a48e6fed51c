"""TLS, and that HTTP/2 is refused: real clients over real sockets."""

import asyncio
import contextlib
import itertools
import json
import re
import socket
import ssl

import h2.connection
import h2.errors
import h2.events
import httpx
import pytest
import trustme
from httpx_sse import aconnect_sse

from dataflows.leaderboard import Board, Row
from tests.support.boards import shown
from tests.support.served import parse, serving
from tests.support.until import until
from web.live.hub import Hub, Times
from web.server.handover import connect

ID = re.compile(rb"id: t:(\d+)\n")
ASK = b"GET /highScores HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def secure(authority, tmp_path):
    """Return the settings of `[web]` for TLS."""
    issued = authority.issue_cert("localhost")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    for each in issued.cert_chain_pems:
        each.write_to_path(certificate, append=True)
    issued.private_key_pem.write_to_path(key)
    return {"certificate": str(certificate), "private_key": str(key)}


@pytest.fixture
def trusting(authority):
    """Return what a client needs to trust the certificate."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def put(served, number, size=0):
    """Publish a board of about this size."""
    rows = tuple(Row(n + 1, f"{n}-{'x' * 1_000}", number, 1) for n in range(size // 1_000))
    board = shown(f"t:{number}", Board("all-time", number, number, rows))
    served.feeds.put_boards([board])
    return board.document.decode()


async def test_a_client_that_prefers_http_2_gets_a_stream_over_http_1(
    secure, trusting, monkeypatch
):
    async with (
        serving(monkeypatch, **secure) as served,
        httpx.AsyncClient(http2=True, verify=trusting) as client,
    ):
        first = put(served, 1)
        url = f"https://localhost:{served.port}/highScores"
        async with aconnect_sse(client, "GET", url) as source:
            events = source.aiter_sse()
            before = await anext(events)
            await until(lambda: len(served.feeds.board))
            second = put(served, 2)
            after = await anext(events)
            served.services.end()
            rest = [event async for event in events]

    assert source.response.http_version == "HTTP/1.1"
    assert (before.data, after.data, rest) == (first, second, [])


@contextlib.asynccontextmanager
async def stalled(served, trusting):
    """Yield the two ends of a client that has asked for the board over TLS, and reads nothing."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(0)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", served.port))
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=trusting, server_hostname="localhost", limit=1
        )
        writer.write(ASK)
        await until(lambda: len(served.feeds.board))
        yield reader, writer
        writer.transport.abort()


async def test_a_tls_client_that_does_not_read_skips_to_the_newest(secure, trusting, monkeypatch):
    async with (
        serving(monkeypatch, **secure) as served,
        stalled(served, trusting) as (reader, _),
    ):
        for number in range(100):
            put(served, number, 300_000)
            await asyncio.sleep(0)
        received = b""
        while ID.findall(received)[-1:] != [b"99"]:
            received += await reader.read(65536)
    boards = [int(number) for number in ID.findall(received)]

    assert boards == sorted(boards)
    assert len(boards) < 30


async def test_a_tls_client_that_does_not_read_is_noticed_within_two_chunks(authority, trusting):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    connecting = asyncio.create_task(connect(ours, context))
    _, client = await asyncio.open_connection(
        sock=theirs, ssl=trusting, server_hostname="localhost", limit=1
    )
    connection = await connecting
    connection.on_closed = asyncio.Event().set
    hub = Hub(lambda: b":\n", Times(60, 60))
    connection.hand_over(hub, 0, lambda: None)
    chunks = itertools.count()
    while not hub._lagging:  # noqa: SLF001 - what a client cannot see
        hub.publish({next(chunks): b"x" * 1_000})
        await asyncio.sleep(0)
    transport = connection.transport
    plain = transport._ssl_protocol._transport  # type: ignore[attr-defined]  # noqa: SLF001
    held = transport.get_write_buffer_size() + plain.get_write_buffer_size()
    client.transport.abort()
    await until(lambda: not len(hub))

    assert 0 < held < 2 * 1_100


async def test_a_tls_client_that_stops_reading_is_cut_in_time(secure, trusting, monkeypatch):
    async with (
        serving(monkeypatch, **secure, stall_seconds=0.5) as served,
        stalled(served, trusting),
    ):
        numbers = itertools.count()

        def is_cut():
            put(served, next(numbers), 50_000)
            return served.feeds.board.cut

        await until(is_cut)
        await until(lambda: not len(served.server))

    assert served.feeds.board.cut == 1


async def test_a_client_that_speaks_http_2_at_once_is_told_to_use_http_1(monkeypatch):
    client = h2.connection.H2Connection()
    client.initiate_connection()
    headers = {":method": "GET", ":path": "/live", ":scheme": "http", ":authority": "localhost"}
    client.send_headers(1, headers.items(), end_stream=True)
    async with serving(monkeypatch) as served:
        answer = await served.say(client.data_to_send())
        await until(lambda: not len(served.server))
    events = [type(event) for event in client.receive_data(answer)]

    assert events == [h2.events.RemoteSettingsChanged, h2.events.ConnectionTerminated]
    assert h2.errors.ErrorCodes.HTTP_1_1_REQUIRED in answer[-4:]


async def test_an_upgrade_to_http_2_is_ignored(monkeypatch):
    async with serving(monkeypatch) as served:
        status, _, body = await served.ask(
            "/health", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA"
        )

    assert (status, json.loads(body)["alive"]) == (200, True)


async def test_a_client_that_never_shakes_hands_is_forgotten(secure, monkeypatch):
    monkeypatch.setattr("web.server.handover.HANDSHAKE_SECONDS", 0.2)
    async with serving(monkeypatch, **secure) as served:
        answer = await served.say()

    assert parse(answer)[0] == 0

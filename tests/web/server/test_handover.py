"""A stream on a connection that the server has lent: real sockets, both ends in this process."""

import asyncio
import socket

import pytest

from tests.support.until import until
from web.live.hub import Hub, Times
from web.live.subscribers import frame
from web.server.handover import connect

LONG = Times(heartbeat=60, stall=60)
BIG = b"x" * 1_000_000  # more than the kernel takes for a client who does not read


def beat():
    return b":\n\n"


class Client:
    """A connection of the server, and its other end."""

    def __init__(self, connection, end):
        self.connection = connection
        self.end = end
        self.end.settimeout(0)
        self.left: list[str] = []  # "wire" and "connection", when each heard of the end
        connection.gone = lambda: self.left.append("connection")

    async def read(self, length):
        """Read so many bytes, or to the end."""
        loop = asyncio.get_running_loop()
        received = b""
        while len(received) < length and (more := await loop.sock_recv(self.end, 65536)):
            received += more
        return received

    async def follow(self, stream):
        """Take a stream, as the server's answer does."""
        chunks = stream.lend(b"", 0, self.connection, lambda: self.left.append("wire"))
        return [chunk async for chunk in chunks]


@pytest.fixture
async def clients():
    """Give a function that makes clients; they are closed after the test."""
    made = []

    async def make():
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        made.append(Client(await connect(ours, None), theirs))
        return made[-1]

    yield make
    for client in made:
        client.end.close()
        client.connection.lendable.abort()
    await until(lambda: not any(client.connection.lendable.get_protocol() for client in made))


async def test_chunks_come_as_http_frames_them_and_the_last_one_ends_the_connection(clients):
    stream, client = Hub(beat, LONG), await clients()
    await client.follow(stream)
    stream.publish({1: b"x" * 17})
    stream.end()

    assert await client.read(10**6) == b"11\r\n" + b"x" * 17 + b"\r\n0\r\n\r\n"
    await until(lambda: client.left == ["wire", "connection"])


async def test_who_leaves_is_forgotten_at_once(clients):
    stream, client = Hub(beat, LONG), await clients()
    await client.follow(stream)
    client.end.close()
    await until(lambda: client.left)

    assert (client.left, len(stream)) == (["wire", "connection"], 0)


async def test_who_left_before_the_stream_began_is_not_registered(clients):
    stream, client = Hub(beat, LONG), await clients()
    client.end.close()
    await until(client.connection.reader.at_eof)
    await client.follow(stream)

    assert (client.left, len(stream), client.connection.is_handed_over) == ([], 0, False)


async def test_who_does_not_read_skips_to_the_newest_without_a_hole_in_the_framing(clients):
    stream, client = Hub(beat, LONG), await clients()
    await client.follow(stream)
    for number in range(100):
        stream.publish({number: BIG + b"%d" % number})
    held = client.connection.lendable.get_write_buffer_size()
    first, last = frame(BIG + b"0").framed, frame(BIG + b"99").framed

    assert 0 < held <= len(first)
    assert await client.read(len(first + last)) == first + last


async def test_who_stalls_is_cut_and_nobody_else_notices(clients):
    stream = Hub(beat, Times(heartbeat=60, stall=0.1))
    stalled, healthy = await clients(), await clients()
    await stalled.follow(stream)
    await healthy.follow(stream)
    reading = asyncio.create_task(healthy.read(len(frame(BIG).framed)))
    stream.publish({1: BIG})
    await reading
    await until(lambda: stalled.left)
    stream.publish({2: b"b"})

    assert await healthy.read(6) == b"1\r\nb\r\n"
    assert (stream.cut, len(stream)) == (1, 1)


async def test_what_a_client_says_in_a_stream_is_ignored(clients):
    stream, client = Hub(beat, LONG), await clients()
    await client.follow(stream)
    client.end.send(b"GET / HTTP/1.1\r\n\r\n")
    stream.publish({1: b"a"})

    assert await client.read(6) == b"1\r\na\r\n"


async def test_a_connection_that_is_lent_does_nothing_for_the_server_any_more(clients):
    stream, client = Hub(beat, LONG), await clients()
    await client.follow(stream)
    client.connection.write(b"0\r\n\r\n")
    await client.connection.drain()
    client.connection.write_eof()
    client.connection.close()
    await asyncio.wait_for(client.connection.wait_closed(), 1)
    stream.publish({1: b"a"})

    assert client.connection.reader.at_eof()
    assert await client.read(6) == b"1\r\na\r\n"


async def test_who_breaks_off_while_being_written_to_is_forgotten(clients):
    stream, gone = Hub(beat, LONG), await clients()
    await gone.follow(stream)
    gone.end.close()
    stream.publish({1: b"a"})
    await until(lambda: gone.left)

    assert (gone.left, len(stream)) == (["wire", "connection"], 0)

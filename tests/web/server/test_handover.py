"""A stream on a connection that was handed over: real sockets, both ends in this process."""

import asyncio
import socket

import pytest

from tests.support.until import until
from web.live.hub import Hub, Times
from web.live.subscribers import frame
from web.server.handover import connect

LONG = Times(heartbeat=60, stall=60)
BIG = b"x" * 1_000_000  # more than the kernel takes for a client that does not read


def heartbeat():
    return b":\n\n"


class Client:
    """A connection of the server, and its other end."""

    def __init__(self, connection, end):
        self.connection = connection
        self.end = end
        self.end.settimeout(0)
        self.closed: list[str] = []  # "stream" and "connection", in the order of the calls
        connection.on_closed = lambda: self.closed.append("connection")

    async def read(self, length):
        """Read so many bytes, or to the end."""
        loop = asyncio.get_running_loop()
        received = b""
        while len(received) < length and (more := await loop.sock_recv(self.end, 65536)):
            received += more
        return received

    def hand_over(self, hub):
        """Hand the connection over, as the route of a stream does."""
        self.connection.hand_over(hub, 0, lambda: self.closed.append("stream"))


@pytest.fixture
async def clients():
    """Yield a function that makes clients; they are closed after the test."""
    made = []

    async def make():
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        made.append(Client(await connect(ours, None), theirs))
        return made[-1]

    yield make
    transports = [client.connection.transport for client in made]
    for client in made:
        client.end.close()
        client.connection.abort()
    await until(lambda: not any(each.get_protocol() for each in transports))


async def test_chunks_are_framed_and_the_last_one_ends_the_connection(clients):
    hub, client = Hub(heartbeat, LONG), await clients()
    client.hand_over(hub)
    hub.publish({1: b"x" * 17})
    hub.end()

    assert await client.read(10**6) == b"11\r\n" + b"x" * 17 + b"\r\n0\r\n\r\n"
    await until(lambda: client.closed == ["stream", "connection"])


async def test_a_client_that_leaves_is_forgotten_at_once(clients):
    hub, client = Hub(heartbeat, LONG), await clients()
    client.hand_over(hub)
    client.end.close()
    await until(lambda: client.closed)

    assert (client.closed, len(hub)) == (["stream", "connection"], 0)


async def test_a_client_that_left_before_the_hand_over_is_not_added(clients):
    hub, client = Hub(heartbeat, LONG), await clients()
    client.end.close()
    await until(client.connection.reader.at_eof)
    client.hand_over(hub)

    assert (client.closed, len(hub), client.connection.is_handed_over) == (["stream"], 0, False)


async def test_a_client_that_does_not_read_skips_to_the_newest_and_the_framing_has_no_hole(clients):
    hub, client = Hub(heartbeat, LONG), await clients()
    client.hand_over(hub)
    for number in range(100):
        hub.publish({number: BIG + b"%d" % number})
    held = client.connection.transport.get_write_buffer_size()
    first, last = frame(BIG + b"0").framed, frame(BIG + b"99").framed

    assert 0 < held <= len(first)
    assert await client.read(len(first + last)) == first + last


def capacity():
    """Return how many bytes the kernel takes for a client that does not read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0)
        return ours.send(BIG)


def chunk_of(length):
    """Return a chunk that has this length when it is framed."""
    plain = b"x" * (length - len(frame(BIG).framed) + len(BIG))
    plain += b"x" * (length - len(frame(plain).framed))

    assert len(frame(plain).framed) == length
    return plain


async def test_a_connection_is_drained_only_when_the_kernel_has_everything(clients):
    client = await clients()
    client.connection.write(b"x" * (capacity() + 1))
    draining = asyncio.create_task(client.connection.drain())
    done, _ = await asyncio.wait([draining], timeout=0.1)
    await client.read(capacity() + 1)
    await draining

    assert not done


@pytest.mark.parametrize("left", [1, 2])
async def test_no_chunk_overtakes_the_last_bytes_of_the_one_before(clients, left):
    hub, client = Hub(heartbeat, LONG), await clients()
    client.hand_over(hub)
    first, second = chunk_of(capacity() + left), b"y" * 17
    hub.publish({1: first})
    held = client.connection.transport.get_write_buffer_size()
    received = client.end.recv(65536)  # now the kernel has room, before the event loop sees it
    hub.publish({2: second})
    sent = frame(first).framed + frame(second).framed
    received += await client.read(len(sent) - len(received))

    assert held == left
    assert received == sent


async def test_a_stalled_client_is_cut_and_the_others_are_not_disturbed(clients):
    hub = Hub(heartbeat, Times(heartbeat=60, stall=0.1))
    stalled, healthy = await clients(), await clients()
    stalled.hand_over(hub)
    healthy.hand_over(hub)
    reading = asyncio.create_task(healthy.read(len(frame(BIG).framed)))
    hub.publish({1: BIG})
    await reading
    await until(lambda: stalled.closed)
    hub.publish({2: b"b"})

    assert await healthy.read(6) == b"1\r\nb\r\n"
    assert (hub.cut, len(hub)) == (1, 1)


async def test_what_a_client_sends_during_a_stream_is_ignored(clients):
    hub, client = Hub(heartbeat, LONG), await clients()
    client.hand_over(hub)
    client.end.send(b"GET / HTTP/1.1\r\n\r\n")
    hub.publish({1: b"a"})

    assert await client.read(6) == b"1\r\na\r\n"


async def test_a_connection_that_was_handed_over_does_nothing_for_the_server(clients):
    hub, client = Hub(heartbeat, LONG), await clients()
    client.hand_over(hub)
    client.connection.write(b"0\r\n\r\n")
    await client.connection.drain()
    client.connection.write_eof()
    client.connection.close()
    await asyncio.wait_for(client.connection.wait_closed(), 1)
    hub.publish({1: b"a"})

    assert client.connection.reader.at_eof()
    assert await client.read(6) == b"1\r\na\r\n"


async def test_writing_to_a_client_that_has_left_is_not_logged(clients, caplog):
    client = await clients()
    client.connection.abort()
    for _ in range(20):
        client.connection.write(b"x")

    assert caplog.messages == []


async def test_a_client_that_leaves_during_a_write_is_forgotten(clients):
    hub, client = Hub(heartbeat, LONG), await clients()
    client.hand_over(hub)
    client.end.close()
    hub.publish({1: b"a"})
    await until(lambda: client.closed)

    assert (client.closed, len(hub)) == (["stream", "connection"], 0)

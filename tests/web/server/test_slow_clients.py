"""Fast and slow clients of one server, over real sockets: each gets what it can take."""

import asyncio
import re
import socket
from contextlib import asynccontextmanager

from dataflows.leaderboard import Board, Row
from tests.support.boards import shown
from tests.support.crowding import crowding
from tests.support.served import serving
from tests.support.until import until

SMALL = 4096  # bytes that the kernel buffers for a client that does not read
ID = re.compile(rb"id: t:(\d+)\n")


def put(served, number, size=1_000):
    """Publish a board of about this size."""
    rows = tuple(Row(n + 1, f"{n}-{'x' * 1_000}", number, 1) for n in range(size // 1_000))
    board = Board("all-time", number, number, rows)
    served.feeds.put_boards([shown(f"t:{number}", board)])


async def newest(watcher, number):
    """Wait until a watcher has this board."""
    await until(lambda: watcher.boards()[-1:] == [number])


class Watcher:
    """A client of the board over HTTP/1.1, which reads only when a test says so."""

    def __init__(self, sock):
        self._sock = sock
        self.received = b""

    async def read(self, length=65536):
        """Read once; False at the end."""
        more = await asyncio.get_running_loop().sock_recv(self._sock, length)
        self.received += more
        return more != b""

    async def read_all(self):
        """Read to the end."""
        try:
            while await self.read():
                pass
        except ConnectionError:
            pass

    def boards(self):
        """Return the numbers of the boards that it has received."""
        return [int(number) for number in ID.findall(self.received)]


@asynccontextmanager
async def watching(served, kept=0):
    """Yield a client that has its first bytes; the kernel buffers `kept` bytes for it."""
    with socket.socket() as sock:
        if kept:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kept)
        sock.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", served.port))
        await loop.sock_sendall(sock, b"GET /highScores HTTP/1.1\r\nHost: localhost\r\n\r\n")
        watcher = Watcher(sock)
        await watcher.read()
        yield watcher


@asynccontextmanager
async def two_watching(monkeypatch, **web):
    """Serve two clients: yield one that reads nothing, and one that reads all."""
    async with (
        serving(monkeypatch, **web) as served,
        watching(served, SMALL) as stalled,
        watching(served) as healthy,
    ):
        await until(lambda: len(served.feeds.board) == 2)
        reading = asyncio.create_task(healthy.read_all())
        yield served, stalled, healthy
        reading.cancel()


async def test_a_slow_client_skips_to_the_newest_and_a_fast_one_gets_all(monkeypatch):
    async with two_watching(monkeypatch) as (served, slow, quick):
        for number in range(60):
            put(served, number, 50_000)
            await newest(quick, number)
        held = [each.get_write_buffer_size() for each in served.server.transports()]
        while slow.boards()[-1:] != [59]:
            await slow.read()

    assert quick.boards() == list(range(60))
    assert slow.boards() == sorted(set(slow.boards()))
    assert len(slow.boards()) < 10
    assert max(held) < 60_000


async def test_a_client_that_stops_reading_is_cut_in_time_and_the_others_are_not_disturbed(
    monkeypatch,
):
    async with two_watching(monkeypatch, stall_seconds=3) as (served, _, healthy):
        for number in range(20):
            put(served, number, 50_000)
        await until(lambda: served.feeds.board.cut == 1)
        put(served, 20)
        await until(lambda: healthy.boards()[-1:] == [20])
        open_now = len(served.server), len(served.feeds.board), len(served.services.stream_limiter)

    assert open_now == (1, 1, 1)


async def test_the_end_is_complete_for_clients_that_read_and_in_time_for_all(monkeypatch):
    async with two_watching(monkeypatch) as (served, stalled, healthy):
        put(served, 1, 300_000)
        await until(healthy.boards)
        began = asyncio.get_running_loop().time()
        await served.stop()
        seconds = asyncio.get_running_loop().time() - began
        await until(lambda: healthy.received.endswith(b"0\r\n\r\n"))
        await stalled.read_all()

    assert not stalled.received.endswith(b"0\r\n\r\n")
    assert seconds < 3 * crowding()

"""Accepting: within the limits, and without spinning where the machine has nothing left."""

import asyncio
import contextlib
import errno
import os
import resource
import socket
import subprocess
import time

import pytest

from tests.support.proc import cpu_seconds
from tests.support.served import NOWHERE, serving
from tests.support.until import until, until_true
from tests.support.web_process import is_ready, started
from web.access.limits import ConcurrencyLimiter
from web.access.refusals import Refusals
from web.server import accept
from web.server.accept import Acceptor
from web.server.server import url

DESCRIPTORS = accept.RESERVED + 60


class Exhausted(socket.socket):
    """A listening socket that cannot accept: no descriptor is left."""

    tries = 0

    def accept(self):
        self.tries += 1
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


async def test_without_a_descriptor_accepting_pauses_and_then_tries_again(monkeypatch):
    monkeypatch.setattr(accept, "PAUSE_SECONDS", 0.2)
    with Exhausted() as sock, socket.socket() as client:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        client.connect(sock.getsockname())
        acceptor = Acceptor(sock, ConcurrencyLimiter(0, 0), lambda *_: None, Refusals())
        acceptor.open()
        # Half of a pause, in which a busy loop would try thousands of times.
        await asyncio.sleep(0.1)
        at_first = sock.tries
        await until(lambda: sock.tries == 2)
        acceptor.close()

    assert at_first == 1


async def test_a_connection_beyond_the_limit_is_closed_and_a_released_one_makes_room():
    accepted, refusals = [], Refusals()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        acceptor = Acceptor(
            sock, ConcurrencyLimiter(0, 1), lambda *each: accepted.append(each), refusals
        )
        acceptor.open()
        first = socket.create_connection(sock.getsockname())
        await until(lambda: accepted)
        second = socket.create_connection(sock.getsockname())
        await until(refusals.counts.total)
        ended = second.recv(1)
        (served, release), *_ = accepted
        release()
        third = socket.create_connection(sock.getsockname())
        await until(lambda: len(accepted) == 2)
        acceptor.close()
        for each in (first, second, third, served, accepted[1][0]):
            each.close()

    assert ended == b""
    assert refusals.counts == {("connection", "client"): 1}


@pytest.mark.parametrize("hard", [resource.RLIM_INFINITY, 10_000])
def test_where_the_limit_of_descriptors_cannot_be_raised_it_is_kept(monkeypatch, hard):
    def refuse(*_):
        raise ValueError

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, hard))
    monkeypatch.setattr(resource, "setrlimit", refuse)

    assert accept.connections_max() == 256 - accept.RESERVED


def test_without_a_limit_of_descriptors_enough_are_taken(monkeypatch):
    taken = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: taken.append(limits))

    assert accept.connections_max() == accept.ENOUGH - accept.RESERVED
    assert taken == [(accept.ENOUGH, resource.RLIM_INFINITY)]


async def test_the_app_is_served_where_the_kernel_lacks_socket_options(monkeypatch):
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT")
    monkeypatch.delattr(socket, "TCP_NOTSENT_LOWAT")
    async with serving(monkeypatch) as served:
        status, _, _ = await served.ask("/health")

    assert status == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_two_colons_listen_for_both_families(monkeypatch, address):
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    async with serving(monkeypatch, host="::") as served:
        _, writer = await asyncio.open_connection(address, served.port)
        writer.close()
        shown = url(served.services.settings.web, served.sock)

    assert shown == f"http://127.0.0.1:{served.port} and every other address of this machine"


def test_with_few_descriptors_the_app_serves_as_many_as_it_can_and_does_not_spin():
    names = {**NOWHERE, "LEADERBOARD_WEB__STREAMS_PER_CLIENT": "0"}
    with (
        started(names, "/health", stderr=subprocess.DEVNULL, preexec_fn=limit) as served,
        contextlib.ExitStack() as stack,
    ):
        port = int(served.address.rpartition(":")[2])
        clients = [stack.enter_context(connected(port)) for _ in range(DESCRIPTORS)]
        until_true(lambda: sum(map(was_refused, clients)) >= DESCRIPTORS - 60)
        before, began = cpu_seconds(served.process.pid), time.monotonic()
        time.sleep(1)  # what it uses in a second
        busy = (cpu_seconds(served.process.pid) - before) / (time.monotonic() - began)
        kept = next(client for client in clients if not was_refused(client))
        kept.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        kept.settimeout(5)
        answer = kept.recv(4096)
        for client in clients:
            client.close()
        until_true(lambda: is_ready(served.address, "/health"))

    assert answer.startswith(b"HTTP/1.1 200")
    assert busy < 0.5


def limit():
    """Leave a process few descriptors."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def connected(port):
    client = socket.create_connection(("127.0.0.1", port))
    client.settimeout(0)
    return client


def was_refused(client):
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


async def test_a_response_waits_for_no_acknowledgement_of_the_client(monkeypatch):
    """With Nagle's algorithm a body would wait 40 ms for the client to acknowledge the head."""
    async with serving(monkeypatch) as served:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        await until(lambda: len(served.server) == 1)
        (transport,) = served.server.transports()
        is_immediate = transport.get_extra_info("socket").getsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY
        )
        writer.close()

    assert is_immediate

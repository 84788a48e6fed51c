"""`python -m bench.watchers PORT PATH CLIENTS SECONDS`: many clients of a stream, in one process.

All connect at once, with plain sockets and epoll, so that they need less CPU than the server. One
line of JSON has the time until all had their first event; another one, SECONDS later, the events.
The score of a board's first row is the time of its publishing in microseconds.
"""

import argparse
import errno
import json
import re
import resource
import select
import socket
import statistics
import time
from array import array

STORM_SECONDS = 60  # for all clients to have their first event
ADDRESSES = 50  # of this machine, from which the clients connect
REQUEST = b"GET %b HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
QUIET_SECONDS = 1.5  # at the end, in which no board is published
AGES_SECONDS = 0.5  # between two looks at how old each client's newest board is
SENT = re.compile(rb'"score":"(\d{16})"')
EVENT_END = b"\n\n\r\n"  # of the event, then of the chunk


class Crowd:
    """Clients, from the moment they connect.

    Args:
        port: Of the web app on this machine.
        path: Of the stream.
        clients: Their number.
    """

    def __init__(self, port: int, path: str, clients: int) -> None:
        self._request = REQUEST % path.encode()
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._parts: dict[int, bytes] = {}  # of events that are incomplete
        self.served = array("d")  # seconds from the start to each client's first event
        self.latencies = array("d")  # ms
        self.ages = array("d")  # ms, of each client's newest board, now and then
        self._newest: dict[int, int] = {}  # when each client's newest board was sent
        self._ages_at = 0.0
        self.ages_until = 0.0  # from then on no boards come
        self.lost = 0  # connections that ended
        self.started = time.monotonic()
        for number in range(clients):
            self._connect(port, number)

    def read(self, until: float, clients: int) -> None:
        """Read until a time, or until this number of clients has had its first event."""
        while (left := until - time.monotonic()) > 0 and len(self.served) < clients:
            self._look_at_ages()
            for fd, event in self._epoll.poll(min(left, AGES_SECONDS)):
                if event & select.EPOLLOUT:
                    self._ask(fd)
                else:
                    self._read(fd)

    def __len__(self) -> int:
        return len(self._sockets)

    def _look_at_ages(self) -> None:
        if self._ages_at <= (now := time.monotonic()) < self.ages_until:
            self._ages_at = now + AGES_SECONDS
            at = time.time_ns() // 1000
            self.ages.extend((at - sent) / 1000 for sent in self._newest.values())

    def _connect(self, port: int, number: int) -> None:
        client = socket.socket()
        client.settimeout(0)
        client.bind((f"127.0.0.{1 + number % ADDRESSES}", 0))
        if (code := client.connect_ex(("127.0.0.1", port))) not in {0, errno.EINPROGRESS}:
            raise OSError(code, "connect")
        self._sockets[client.fileno()] = client
        self._epoll.register(client, select.EPOLLOUT)

    def _ask(self, fd: int) -> None:
        try:
            self._sockets[fd].send(self._request)
        except OSError:
            self._lose(fd)
        else:
            self._parts[fd] = b""
            self._epoll.modify(fd, select.EPOLLIN)

    def _read(self, fd: int) -> None:
        try:
            received = self._sockets[fd].recv(65536)
        except OSError:
            received = b""
        if received:
            self._note(fd, received)
        else:
            self._lose(fd)

    def _note(self, fd: int, received: bytes) -> None:
        now = time.time_ns() // 1000
        part = self._parts[fd]
        whole = part + received
        if not whole.endswith(EVENT_END):
            self._parts[fd] = whole
            return
        if part:
            self._parts[fd] = b""
        events = SENT.findall(whole)
        if whole.startswith(b"HTTP"):
            self.served.append(time.monotonic() - self.started)
        else:
            self.latencies.extend((now - int(sent)) / 1000 for sent in events)
            if events:
                self._newest[fd] = int(events[-1])

    def _lose(self, fd: int) -> None:
        self.lost += 1
        self._newest.pop(fd, None)
        self._epoll.unregister(fd)
        self._sockets.pop(fd).close()


def main() -> None:
    """Connect, read, and print the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.watchers", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("clients", type=int)
    parser.add_argument("seconds", type=float)
    given = parser.parse_args()
    crowd = Crowd(given.port, given.path, given.clients)
    crowd.read(crowd.started + STORM_SECONDS, given.clients)
    served = {"served": len(crowd.served), "storm_seconds": max(crowd.served, default=0)}
    print(json.dumps(served), flush=True)
    usage = _cpu_seconds()
    crowd.ages_until = time.monotonic() + given.seconds - QUIET_SECONDS
    crowd.read(time.monotonic() + given.seconds, given.clients + 1)
    cuts = statistics.quantiles(crowd.latencies, n=100)
    found = {
        "events": len(crowd.latencies),
        "p50_ms": cuts[49],
        "p99_ms": cuts[98],
        "max_ms": max(crowd.latencies),
        "age_p99_ms": statistics.quantiles(crowd.ages, n=100)[98],
        "lost": crowd.lost,
        "client_cores": (_cpu_seconds() - usage) / given.seconds,
    }
    print(json.dumps(found), flush=True)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()

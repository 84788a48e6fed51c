"""The system on several hosts: the commands of docs/running.md, run on network namespaces."""

import contextlib
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from fcntl import ioctl
from pathlib import Path
from select import select

import httpx

from local.hosts import SWITCH
from local.security import SUPER_USER
from tests import ROOT
from tests.support import documented
from tests.support.processes import Game, load_with
from tests.support.until import until_true

PORTS = {"highscores": 9100, "top5": 9200}  # of the metrics; each process adds its index
TAP = 0x400454CA, 0x1002  # TUNSETIFF; IFF_TAP | IFF_NO_PI: linux/if_tun.h
MESSAGES = 200  # of `scores`, after which a break has reached all
TICK_SECONDS = 0.005
FRAMES = 10_000  # under way, at most: the link drops what is more


class System:
    """All parts, with the commands, users and rights that the documents name."""

    def __init__(self, hosts, cluster, access, **variables):
        self.hosts = hosts
        self.cluster = cluster
        self.access = access
        self._flow_hosts: tuple[str, ...] = ()
        self._port_step = 0
        self._variables = {
            "LEADERBOARD_FLOWS__METRICS_HOST": "0.0.0.0",  # noqa: S104 - nobody else is there
            **variables,
        }
        self.programs: list[Program] = []

    def create_topics(self):
        assert self._start("1", "dataflows.topics").process.wait(60) == 0

    def start_flows(self, flow_hosts=("1", "2", "3"), port_step=0):
        """Start a cluster of each flow over these hosts, on the documented ports or later ones."""
        self._flow_hosts, self._port_step = flow_hosts, port_step
        for flow, port in PORTS.items():
            for index, name in enumerate(flow_hosts):
                metrics = {"LEADERBOARD_FLOWS__METRICS_PORT": str(port)}
                self._start(name, f"dataflows {flow}", index, metrics)

    def start_web(self, *names):
        for name in names:
            self._start(name, "web")

    def await_ready(self, seconds=120):
        """Wait until every process of the flows, and the web app, say that they are."""
        flows = [
            f"{self.hosts.addresses[name]}:{port + index}"
            for port in PORTS.values()
            for index, name in enumerate(self._flow_hosts)
        ]
        every = [*flows, *self.web_addresses()]
        until_true(lambda: all(map(_is_ready, every)), seconds)

    def web_addresses(self):
        return [f"{self.hosts.addresses[each.host]}:8000" for each in self.of("web")]

    def of(self, what, *names):
        """Give the programs of a kind, on these hosts or on all."""
        return [
            each
            for each in self.programs
            if each.what == what and each.host in (names or each.host)
        ]

    def flows(self, *names):
        return [*self.of("dataflows highscores", *names), *self.of("dataflows top5", *names)]

    def game(self, monkeypatch):
        """Open the topics as a user who may do everything; the caller closes it."""
        names = {
            "LEADERBOARD_BOOTSTRAP_SERVERS": ",".join(each.peers for each in self.cluster.nodes)
        }
        for name, value in self.access.with_certificate(SUPER_USER).items():
            names[f"LEADERBOARD_KAFKA__{name.upper().replace('.', '_')}"] = value
        return Game(load_with(names, monkeypatch))

    def stop(self, programs):
        """End programs cleanly, all at once; return their statuses."""
        for each in programs:
            each.process.send_signal(signal.SIGTERM)
        return [each.process.wait(10) for each in programs]

    def forget(self, programs):
        """Kill programs, and speak no more of them."""
        for each in programs:
            each.close()
            self.programs.remove(each)

    def close(self):
        self.forget(list(self.programs))

    def _start(self, name, what, index=0, variables=None):
        line = documented.line("docs/running.md", f"uv run python -m {what}")
        line = line.replace("-i 0", f"-i {index}")
        line = line.replace("SETTINGS=", f"SETTINGS={self.access.folder}/")
        for number, host in enumerate(self._flow_hosts, 1):
            line = line.replace(f"host{number}:", f"{self.hosts.addresses[host]}:")
        line = re.sub(r";host\d:\d+", "", line)  # a smaller cluster
        line = re.sub(r":(2\d01)", lambda port: f":{int(port[1]) + self._port_step}", line)
        environment, command = documented.parse(line)
        environment |= self._variables | (variables or {})
        if name == "2" and "--" in command:
            environment |= _by_environment(command)
        with self.hosts.inside(name):
            program = Program(name, what, command, environment)
        self.programs.append(program)
        return program


class Program:
    """A command on a host."""

    def __init__(self, host, what, command, environment):
        self.host = host
        self.what = what
        self._mark = 0
        self._log = tempfile.NamedTemporaryFile(prefix=f"{host}-", suffix=".log")  # noqa: SIM115
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self._log, stderr=subprocess.STDOUT
        )

    def said(self):
        return Path(self._log.name).read_text(errors="replace")

    def mark(self):
        """Let `says` look only at what it prints from now on."""
        self._mark = len(self.said())

    def says(self, text):
        return text in self.said()[self._mark :]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if sys.exc_info()[0] is not None:
            print(f"--- {self.what} on {self.host}", *self.said().splitlines()[-40:], sep="\n")
        self._log.close()


def _by_environment(command):
    """Take Bytewax's arguments from a command, and return the variables that say the same."""
    names = {"-i": "BYTEWAX_PROCESS_ID", "-a": "BYTEWAX_ADDRESSES"}
    found = {it: command[command.index(name) + 1] for name, it in names.items()}
    del command[command.index("--") :]
    return found


def _is_ready(address):
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://{address}/ready").status_code == 200
    return False


def seconds_until_counted(game, seconds=180):
    """Return after how long scores that are sent now, and those before, have been counted."""
    began, before = time.monotonic(), game.end("scores")
    until_true(lambda: game.end("scores") > before + MESSAGES, seconds)
    bounds = game.bounds("scores")
    until_true(lambda: game.behind(bounds) == 0, seconds)
    return time.monotonic() - began


@contextlib.contextmanager
def lost(system, name, seconds):
    """Cut the link of a host for so long; the block ends no earlier."""
    system.hosts.cut(name)
    timer = threading.Timer(seconds, system.hosts.mend, [name])
    timer.start()
    yield
    timer.join()


@contextlib.contextmanager
def killed(system, name, _):
    """Kill the broker of a host, and start it again after the block."""
    system.cluster.kill(int(name))
    yield
    system.cluster.start(int(name))


@contextlib.contextmanager
def slow(system, name, seconds):
    """Delay all that a host sends and all that is sent to it by so long, for the block.

    The frames pass through a thread of this process: not every kernel has `tc ... netem`.
    """
    hosts = system.hosts
    hosts.switch("add", "name", "aside", "type", "bridge")
    with hosts.inside(SWITCH), _tap("near") as near, _tap("far") as far:
        for device, bridge in ((f"port{name}", "aside"), ("near", "aside"), ("far", "br0")):
            hosts.switch("set", device, "master", bridge)
        for device in ("aside", "near", "far"):
            hosts.switch("set", device, "up")
        with _carried((near, far), seconds):
            yield
        hosts.mend(name)
    hosts.switch("delete", "aside")


@contextlib.contextmanager
def _tap(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    try:
        ioctl(descriptor, TAP[0], struct.pack("16sH22x", name.encode(), TAP[1]))
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _carried(taps, seconds):
    """Carry frames from each of two devices to the other, for the block."""
    done = threading.Event()
    thread = threading.Thread(target=_carry, args=(taps, seconds, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _carry(taps, seconds, done):
    others = dict(zip(taps, reversed(taps), strict=True))
    frames: deque[tuple[float, int, bytes]] = deque()
    while not done.is_set():
        for tap in select(taps, [], [], TICK_SECONDS)[0]:
            frame = os.read(tap, 2048)
            if len(frames) < FRAMES:
                frames.append((time.monotonic() + seconds, others[tap], frame))
        while frames and frames[0][0] <= time.monotonic():
            _, sink, frame = frames.popleft()
            os.write(sink, frame)

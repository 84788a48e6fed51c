"""The whole pipeline on this machine: `just demo` runs every part of `conf/Procfile`.

It shows three boards, unless the settings name more than that of all time, and plays two weeks of
scores before now. It prints a line for each part that is ready, then the address of the board, then
only what matters: warnings, and parts that ended, which it starts again. `--verbose` prints every
line of every part. Ctrl-C ends them all, Kafka last.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import re
import shlex
import socket
import ssl
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from conf.arguments import add_version
from conf.loading import check_web, load
from conf.settings import InvalidSettings, Settings
from local import broker, claims
from local.supervisor import Member, Supervisor, stop_event

ROOT = Path(__file__).parent.parent
PROCFILE = ROOT / "conf" / "Procfile"
STOP_SECONDS = 6  # for a part, which needs 5 itself
KAFKA_STOP_SECONDS = broker.STOP_SECONDS + 2  # for the program that stops the broker itself
COLOURS = (36, 32, 33, 35, 34)
ANSI = sys.stdout.isatty()
UNREMARKABLE = re.compile(r"(\w+ \d+ \| )?[-\d]+ [:,\d]+ (DEBUG|INFO) |ready ")
READY = {  # what a part logs when it is ready
    "kafka": "ready ",
    "highscores": "restored ",
    "top5": "caught up ",
    "web": "listening on ",
    "players": "playing",
}
ADDRESS = re.compile(r"listening on (http\S+)")


class Part(NamedTuple):
    """A line of the Procfile: the name of a part and its command."""

    name: str
    command: list[str]


def parts(procfile: str) -> list[Part]:
    """Read a Procfile: a line each, `name: command`, in the order of starting."""
    lines = [line for line in procfile.splitlines() if line and not line.startswith("#")]
    pairs = [line.split(":", 1) for line in lines]
    return [Part(name.strip(), shlex.split(command)) for name, command in pairs]


def is_taken(host: str, port: int) -> bool:
    """Return whether a program listens on a port already."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


class Terminal:
    """Prints what the parts log, and learns from it which of them are ready."""

    def __init__(self, *, verbose: bool) -> None:
        self.address: str | None = None  # of the page
        self._is_verbose = verbose
        self._started: dict[str, float] = {}
        self._ready: set[str] = set()

    def note_start(self, name: str) -> None:
        """Note that a part starts, and is not ready yet."""
        self._started[name] = time.monotonic()
        self._ready.discard(name)

    def print_line(self, name: str, line: str) -> None:
        """Print a line that a part has logged, if it matters."""
        if found := ADDRESS.search(line):
            self.address = found[1]
        if self._is_verbose or not UNREMARKABLE.match(line):
            self._print(name, line)
        if name not in self._ready and name in READY and READY[name] in line:
            self._ready.add(name)
            self._print(name, f"ready after {time.monotonic() - self._started[name]:.1f} s")

    def are_ready(self, names: set[str]) -> bool:
        """Return whether these parts have logged that they are ready."""
        return self._ready >= names & READY.keys()

    def _print(self, name: str, line: str) -> None:
        colour = COLOURS[list(self._started).index(name) % len(COLOURS)]
        prefix = f"\033[{colour}m{name:>10}\033[0m" if ANSI else f"{name:>10}"
        print(f"{prefix} | {line}", flush=True)


def supervisor(part: Part, terminal: Terminal) -> Supervisor:
    """Return the supervisor of a part."""

    def start() -> Sequence[Member]:
        terminal.note_start(part.name)
        return [Member(part.name, part.command, environment={"PYTHONUNBUFFERED": "1"})]

    stop_seconds = KAFKA_STOP_SECONDS if part.name == "kafka" else STOP_SECONDS
    return Supervisor(start, stop_seconds=stop_seconds, on_line=terminal.print_line)


async def announce(terminal: Terminal, names: set[str]) -> None:
    """Print the address once all parts are ready and the page answers."""
    while not await _is_live(terminal, names):  # noqa: ASYNC110 - it asks
        await asyncio.sleep(0.2)
    print(f"\nthe board is live at {terminal.address} (Ctrl-C ends it)\n", flush=True)


async def _is_live(terminal: Terminal, names: set[str]) -> bool:
    return terminal.are_ready(names) and await asyncio.to_thread(_answers, terminal.address)


def _answers(address: str | None) -> bool:
    trusting = ssl._create_unverified_context()  # noqa: S323, SLF001 - our own page, on this machine
    https, no_proxy = HTTPSHandler(context=trusting), ProxyHandler({})
    try:
        build_opener(https, no_proxy).open(f"{address}/ready", timeout=2).close()
    except (OSError, ValueError):  # URLError and HTTPError are OSErrors
        return False
    return True


def taken(settings: Settings) -> str:
    """Return why the demo cannot run, "" if it can.

    Raises:
        InvalidSettings: The settings name a Kafka that cannot run on this machine.
    """
    web = settings.web
    kafka = claims.HOST, claims.port_of(settings)
    for name, address in (("Kafka", kafka), ("the page", (web.host, web.port))):
        if is_taken(*address):
            place = f"{address[0]}:{address[1]}"
            return f"{place} is taken, {name} cannot run there: is a demo running?"
    return ""


async def run(*, verbose: bool) -> int:
    """Run the demo until SIGINT or SIGTERM; status 1 if an address is taken."""
    settings = load()
    check_web(settings.web)
    if reason := taken(settings):
        print(reason, file=sys.stderr)
        return 1
    _set_variables(settings)
    terminal = Terminal(verbose=verbose)
    found = parts(PROCFILE.read_text())
    announcing = asyncio.create_task(announce(terminal, {part.name for part in found}))
    await _run_parts({part.name: supervisor(part, terminal) for part in found})
    announcing.cancel()
    return 0


def _set_variables(settings: Settings) -> None:
    """Set what the parts inherit: more boards, and a log that the terminal can read."""
    if settings.boards == ("all-time",):  # unless the environment says so
        os.environ.setdefault("LEADERBOARD_BOARDS", '["day", "week", "all-time"]')
    os.environ["LEADERBOARD_LOG__FORMAT"] = "text"
    if settings.log.level != "debug":
        os.environ["LEADERBOARD_LOG__LEVEL"] = "info"


async def _run_parts(supervisors: Mapping[str, Supervisor]) -> None:
    """Run parts until SIGINT or SIGTERM, or until one cannot go on; Kafka ends last."""
    stopping, without_kafka = stop_event(), asyncio.Event()
    runs = {
        name: asyncio.create_task(each.run(without_kafka if name == "kafka" else stopping))
        for name, each in supervisors.items()
    }
    for each in runs.values():  # a terminal that is gone, for example, ends them all
        each.add_done_callback(lambda done: stopping.set() if done.exception() else None)
    await stopping.wait()
    await asyncio.wait([each for name, each in runs.items() if name != "kafka"])
    without_kafka.set()
    await asyncio.wait(runs.values())
    for each in runs.values():
        each.result()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; status 1 and one line if it cannot."""
    parser = add_version(argparse.ArgumentParser(prog="just demo", description=__doc__))
    parser.add_argument("--verbose", action="store_true", help="print every line of every part")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s")  # of the supervisors
    try:
        return asyncio.run(run(verbose=options.verbose))
    except InvalidSettings as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:  # the terminal is gone; Python writes what it holds back at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


if __name__ == "__main__":
    sys.exit(main())

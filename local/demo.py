"""The whole pipeline on this machine: `just demo` runs every part of `conf/Procfile`.

It prints a line for each part that is ready, then the address of the board, then only what matters:
warnings, and parts that ended, which it starts again. `--verbose` prints every line of every
part. Ctrl-C ends them all, Kafka last.
"""

import argparse
import asyncio
import contextlib
import os
import re
import shlex
import socket
import ssl
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from conf.loading import check_web, load
from conf.settings import InvalidSettings, Settings
from local import children, claims

ROOT = Path(__file__).parent.parent
PROCFILE = ROOT / "conf" / "Procfile"
STOP_SECONDS = 4.0  # for the parts, and again for Kafka alone
PAUSES = (0.5, 1, 2, 5)  # seconds before a part is started again, the last from then on
COLOURS = (36, 32, 33, 35, 34)
ANSI = sys.stdout.isatty()
UNREMARKABLE = re.compile(r"[-\d]+ [:,\d]+ (DEBUG|INFO) |ready ")
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


class Supervisor:
    """Runs parts, prints what they log, and restarts each that ends."""

    def __init__(self, environment: Mapping[str, str], *, verbose: bool) -> None:
        self.address: str | None = None  # of the page
        self._environment = dict(environment)
        self._is_verbose = verbose
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._started: dict[str, float] = {}
        self._ready: set[str] = set()
        self._colours: dict[str, int] = {}
        self._is_stopping = False

    async def keep(self, part: Part) -> None:
        """Run a part until `stop`, and restart it after a pause whenever it ends."""
        pauses = iter(PAUSES)
        pause = next(pauses)
        while not self._is_stopping:
            status = await self._run(part)
            if self._is_stopping:
                return
            pause = next(pauses, pause)
            self.print(part.name, f"ended with status {status}, again in {pause:g} s")
            await asyncio.sleep(pause)

    async def stop(self, names: set[str]) -> None:
        """End parts by SIGTERM, and by SIGKILL what is left after 4 s."""
        self._is_stopping = True
        running = [self._processes[name] for name in names & self._processes.keys()]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        ends = [asyncio.ensure_future(process.wait()) for process in running]
        if ends:
            await asyncio.wait(ends, timeout=STOP_SECONDS)
        for process in (process for process in running if process.returncode is None):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def are_ready(self, names: set[str]) -> bool:
        """Return whether these parts have logged that they are ready."""
        return self._ready >= names & READY.keys()

    def print(self, name: str, line: str) -> None:
        """Print a line under the name of a part."""
        colour = COLOURS[self._colours.setdefault(name, len(self._colours)) % len(COLOURS)]
        prefix = f"\033[{colour}m{name:>10}\033[0m" if ANSI else f"{name:>10}"
        print(f"{prefix} | {line}", flush=True)

    async def _run(self, part: Part) -> int:
        self._started[part.name] = time.monotonic()
        self._ready.discard(part.name)
        process = await asyncio.create_subprocess_exec(
            *part.command,
            cwd=ROOT,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only this process
            preexec_fn=children.die_with_parent,
        )
        self._processes[part.name] = process
        if process.stdout is not None:
            async for line in process.stdout:
                self._take_line(part.name, line.decode(errors="replace").rstrip())
        return await process.wait()

    def _take_line(self, name: str, line: str) -> None:
        if found := ADDRESS.search(line):
            self.address = found[1]
        if self._is_verbose or not UNREMARKABLE.match(line):
            self.print(name, line)
        if name not in self._ready and name in READY and READY[name] in line:
            self._ready.add(name)
            self.print(name, f"ready after {time.monotonic() - self._started[name]:.1f} s")


async def announce(supervisor: Supervisor, found: Sequence[Part]) -> None:
    """Print the address once all parts are ready and the page answers."""
    names = {part.name for part in found}
    while not await _is_live(supervisor, names):  # noqa: ASYNC110 - it polls
        await asyncio.sleep(0.2)
    print(f"\nthe board is live at {supervisor.address} (Ctrl-C ends it)\n", flush=True)


async def _is_live(supervisor: Supervisor, names: set[str]) -> bool:
    return supervisor.are_ready(names) and await asyncio.to_thread(_answers, supervisor.address)


def _answers(address: str | None) -> bool:
    trusting = ssl._create_unverified_context()  # noqa: S323, SLF001 - our own page, on this machine
    try:
        urllib.request.urlopen(f"{address}/ready", timeout=2, context=trusting).close()  # noqa: S310
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
    stopped = asyncio.Event()
    for number in children.STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    supervisor = Supervisor({**os.environ, "PYTHONUNBUFFERED": "1"}, verbose=verbose)
    found = parts(PROCFILE.read_text())
    tasks = [asyncio.create_task(supervisor.keep(part)) for part in found]
    tasks.append(asyncio.create_task(announce(supervisor, found)))
    await stopped.wait()
    await supervisor.stop({part.name for part in found} - {"kafka"})
    await supervisor.stop({"kafka"})
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; status 1 and one line if it cannot."""
    parser = argparse.ArgumentParser(prog="just demo", description=__doc__)
    parser.add_argument("--verbose", action="store_true", help="print every line of every part")
    options = parser.parse_args(arguments)
    try:
        return asyncio.run(run(verbose=options.verbose))
    except InvalidSettings as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m dataflows highscores --processes 4`: run a flow on this machine, and supervise it.

Several processes are a cluster of Bytewax on 127.0.0.1. All that stands after `--` goes to Bytewax,
such as `-- -s 5`. `local.supervisor` says when the flow starts again; SIGTERM and SIGINT end it.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from conf.arguments import add_version, count
from conf.loading import start
from conf.settings import InvalidSettings
from dataflows.process import DRAIN_SECONDS
from local.claims import ports
from local.supervisor import Member, Supervisor, follow_parent, stop_event

FLOWS = ("highscores", "top5")
STOP_SECONDS = DRAIN_SECONDS + 0.5  # a member ends itself before that
OWN = ("-i", "--process-id", "-a", "--addresses")  # of Bytewax: what makes a cluster


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a flow until a signal (status 0), or until another flow has taken over (77)."""
    options, passed = _options(sys.argv[1:] if arguments is None else arguments)
    try:
        stall_seconds = start(options.flow).flows.stall_seconds
    except InvalidSettings as error:
        print(error, file=sys.stderr)
        return 1
    return asyncio.run(_run(options, passed, stall_seconds))


async def _run(options: argparse.Namespace, passed: Sequence[str], stall_seconds: float) -> int:
    supervisor = Supervisor(
        lambda: _members(options.flow, options.processes, passed),
        stop_seconds=STOP_SECONDS,
        stall_seconds=stall_seconds,
        on_line=_print_line if options.processes > 1 else None,
    )
    stopping = stop_event()
    follow_parent()
    status = await supervisor.run(stopping)
    return 0 if stopping.is_set() else status  # what was not committed is read again


def _members(flow: str, processes: int, passed: Sequence[str]) -> Sequence[Member]:
    """Return the processes of a flow; a cluster gets free ports."""
    command = [sys.executable, "-m", "bytewax.run", f"dataflows.{flow}", "-s", "1", *passed]
    if processes == 1:
        return [Member(flow, command)]
    addresses = ";".join(f"127.0.0.1:{port}" for port in ports(*[0] * processes))
    return [
        Member(f"{flow} {each}", [*command, "-i", str(each), "-a", addresses])
        for each in range(processes)
    ]


def _print_line(name: str, line: str) -> None:
    print(f"{name} | {line}", file=sys.stderr, flush=True)


def _options(arguments: Sequence[str]) -> tuple[argparse.Namespace, Sequence[str]]:
    """Return the arguments before `--`, and those after it."""
    parser = argparse.ArgumentParser(
        prog="python -m dataflows", description=__doc__, usage="%(prog)s FLOW [options] [-- ...]"
    )
    add_version(parser).add_argument("flow", choices=FLOWS)
    parser.add_argument("--processes", type=count, default=1, metavar="N", help="(default: 1)")
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    options, passed = parser.parse_args(arguments[:cut]), arguments[cut + 1 :]
    if options.processes > 1 and (given := [each for each in passed if each.startswith(OWN)]):
        parser.error(f"{given[0]} is for a cluster over several machines, without --processes")
    return options, passed


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench [quick]`: measure everything on a broker of its own, and write it down."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench import game, latency, report, restarts, runs
from bench.game import Size
from bench.runs import Candidate, Result
from conf.settings import Settings, load
from dataflows.topics import await_topics
from local.kafka import running


class Plan(NamedTuple):
    """How much is measured."""

    size: Size
    rounds: int
    users: tuple[int, ...]  # of the tables that are restored, least first
    rates: tuple[int, ...]
    seconds: float


FULL = Plan(Size(3_000_000, 100_000), 3, (100_000, 1_000_000), (100, 1_000, 10_000), 20)
QUICK = Plan(Size(300_000, 20_000), 1, (20_000,), (1_000,), 5)
TINY = Plan(Size(20_000, 1_000), 1, (1_000,), (200,), 2)

CANDIDATES = (
    Candidate("ours -w 1", "bytewax.run", ["dataflows.highscores", "-s", "1"]),
    Candidate("ours -w 2", "bytewax.run", ["dataflows.highscores", "-s", "1", "-w", "2"]),
    Candidate("ours, 2 processes", "bytewax.run", ["dataflows.highscores", "-s", "1"], 2),
    Candidate("naive", "bytewax.run", ["bench.naive", "-s", "1"]),
)
LOOPS = ("consume", "fold", "produce")


class Place:
    """Topics and a group for one measurement, by environment."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._numbers = iter(range(1_000))

    @contextmanager
    def fresh(self, scores: str, **more: str) -> Iterator[tuple[Settings, Mapping[str, str]]]:
        """Give settings whose topics nobody has used, but `scores`."""
        number = next(self._numbers)
        environment = {
            "LEADERBOARD_BOOTSTRAP_SERVERS": self._address,
            "LEADERBOARD_GROUP": f"bench-{number}",
            "LEADERBOARD_TOPICS__SCORES__NAME": scores,
            "LEADERBOARD_TOPICS__HIGH_SCORES__NAME": f"high-scores-{number}",
            "LEADERBOARD_TOPICS__TOP_5__NAME": f"top-5-{number}",
            "LEADERBOARD_TOPICS__REJECTED__NAME": f"scores-rejected-{number}",
            **more,
        }
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            settings = load()
            await_topics(settings)
            yield settings, environment


def throughput(place: Place, plan: Plan) -> list[Result]:
    """Run all candidates in turn, as many rounds as planned."""
    results: list[Result] = []
    with place.fresh("scores") as (settings, _):
        expected = game.fill(settings, plan.size)
    for _ in range(plan.rounds):
        for kind in LOOPS:
            with place.fresh("scores") as (settings, environment):
                out = settings.topics.high_scores.name
                results.append(runs.run_loop(kind, plan.size, environment, out))
                _say(results[-1])
        for candidate in CANDIDATES:
            with place.fresh("scores") as (settings, environment):
                results.append(runs.run_flow(settings, candidate, environment, expected))
                _say(results[-1])
    return results


def _say(result: Result) -> None:
    print(f"  {result.name}: {result.seconds:.2f} s, {result.cpu_seconds:.2f} CPU s", flush=True)


def latencies(place: Place, plan: Plan) -> list[dict[str, Any]]:
    """Measure each rate with each guarantee."""
    found: list[dict[str, Any]] = []
    for guarantee in ("at_least_once", "exactly_once"):
        for rate in plan.rates:
            given = {"LEADERBOARD_GUARANTEE": guarantee}
            with place.fresh(f"scores-{guarantee}-{rate}", **given) as (settings, environment):
                measured = latency.run(settings, environment, rate, plan.seconds)
                found.append({"guarantee": guarantee, **measured})
                print(f"  {found[-1]}", flush=True)
    return found


def comebacks(place: Place, plan: Plan) -> list[dict[str, Any]]:
    """Kill and restart both flows with each size of the table."""
    found: list[dict[str, Any]] = []
    for users in plan.users:
        with place.fresh(f"scores-{users}") as (settings, environment):
            restarts.fill(settings, users)
            for flow in ("highscores", "top5"):
                measured = restarts.run(settings, environment, flow)
                found.append({"flow": flow, "users": users, **measured})
                print(f"  {found[-1]}", flush=True)
    return found


def measure(plan: Plan) -> Path:
    """Measure everything, and give the path of the report."""
    with tempfile.TemporaryDirectory() as data, running(Path(data)) as address:
        place = Place(address)
        results = throughput(place, plan)
        delays, backs = latencies(place, plan), comebacks(place, plan)
    parts = {
        "Throughput": report.throughput(results, plan.size),
        "Latency from the producer to an SSE client": report.table(delays),
        "Back after kill -9, two messages a user": report.table(backs),
    }
    facts = {
        "throughput": [result._asdict() for result in results],
        "latency": delays,
        "restart": backs,
    }
    return report.write(parts, facts)


def main() -> int:
    """Measure and print the report."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("how", nargs="?", choices=["full", "quick", "tiny"], default="full")
    plan = {"full": FULL, "quick": QUICK, "tiny": TINY}[parser.parse_args().how]
    path = measure(plan)
    print(path.read_text())
    print(f"written to {path} and report.json beside it")
    return 0


if __name__ == "__main__":
    sys.exit(main())

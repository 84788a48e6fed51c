"""Which plots there are: throughput, latency, and the way back."""

from collections.abc import Iterable
from statistics import median

from bench.facts import Facts, groups
from bench.plots import Bar, bars


def draw(facts: Facts) -> dict[str, str]:
    """Draw what there are facts for, by the name of the file."""
    found = {
        "throughput.svg": (
            "Scores a second, counted and checked",
            "median, whisker: least to most; Kafka on the same cores",
            list(_rates(facts)),
        ),
        "latency.svg": (
            "Milliseconds from the producer's clock to an SSE client",
            "bar: median, whisker to the 99th percentile; no rate limit",
            list(_delays(facts)),
        ),
        "restarts.svg": (
            "Seconds from kill -9 to the next right output",
            "median, whisker: least to most; two messages a user to read",
            list(_backs(facts)),
        ),
    }
    return {name: bars(*plot) for name, plot in found.items() if plot[-1]}


def _rates(facts: Facts) -> Iterable[Bar]:
    rows = [row for part in ("throughput", "java", "others") for row in facts.rows(part)]
    for (name,), runs in groups(rows, "candidate").items():
        rates = [run["rate"] for run in runs]
        yield Bar(name, median(rates), min(rates), max(rates), name.startswith("ours"))


def _delays(facts: Facts) -> Iterable[Bar]:
    for row in facts.rows("latency", to="SSE", boards=0):
        name = f"{row['guarantee'].replace('_', ' ')}, {row['rate']:,}/s"
        is_default = row["guarantee"] == "at_least_once"
        yield Bar(name, row["p50_ms"], row["p50_ms"], row["p99_ms"], is_default)


def _backs(facts: Facts) -> Iterable[Bar]:
    rows = [row for row in facts.rows("restarts") if "seconds" in row]
    for (flow, users), runs in groups(rows, "flow", "users").items():
        seconds = [run["seconds"] for run in runs]
        yield Bar(f"{flow}, {users:,} users", median(seconds), min(seconds), max(seconds))

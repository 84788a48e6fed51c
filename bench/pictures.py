"""The plots of a report: throughput, latency and restarts."""

from collections.abc import Iterable
from statistics import median

from bench.candidates import LOOP
from bench.facts import Facts, Row, groups
from bench.plots import Bar, bars


def draw(facts: Facts) -> dict[str, str]:
    """Draw each plot that has facts; returns SVG by file name."""
    found = {
        "throughput.svg": (
            "Scores a second, to those of a bare loop that produces the improvements",
            f"{_base(facts)}; bar: median, whisker: least to most; Kafka on the same cores",
            list(_rates(facts)),
        ),
        "latency.svg": (
            "Milliseconds from the producer's clock to an SSE client",
            "bar: median, whisker to the 99th percentile; at most 20 boards/s, or without a limit",
            list(_delays(facts)),
        ),
        "restarts.svg": (
            "Seconds from kill -9 to the next right output",
            "median, whisker: least to most; two messages a user to read",
            list(_backs(facts)),
        ),
    }
    return {name: bars(*plot) for name, plot in found.items() if plot[-1]}


def _base(facts: Facts) -> str:
    return f"1 is {facts.median('throughput', 'rate', candidate=LOOP) or 0:,.0f} scores/s"


def _rates(facts: Facts) -> Iterable[Bar]:
    """Compare each run with the loop of the same round, measured at about the same time."""
    rows: list[Row] = []
    for part in ("throughput", "java", "others"):
        for (turn,), found in groups(facts.rows(part), "round").items():
            for base in facts.rows(part, candidate=LOOP, round=turn):
                rows += [row | {"share": row["rate"] / base["rate"]} for row in found]
    for (name,), runs in groups(rows, "candidate").items():
        shares = [run["share"] for run in runs]
        yield Bar(name, median(shares), min(shares), max(shares), name.startswith("ours"))


def _delays(facts: Facts) -> Iterable[Bar]:
    rows = facts.rows("latency", to="SSE")
    for (guarantee, rate, boards), runs in groups(rows, "guarantee", "rate", "boards").items():
        name = f"{guarantee.replace('_', ' ')}, {rate:,}/s{'' if boards else ', no limit'}"
        p50, p99 = (median(run[each] for run in runs) for each in ("p50_ms", "p99_ms"))
        is_default = guarantee == "exactly_once" and bool(boards)
        yield Bar(name, p50, p50, p99, is_default)


def _backs(facts: Facts) -> Iterable[Bar]:
    rows = [row for row in facts.rows("restarts") if "seconds" in row]
    for (flow, users), runs in groups(rows, "flow", "users").items():
        seconds = [run["seconds"] for run in runs]
        yield Bar(f"{flow}, {users:,} users", median(seconds), min(seconds), max(seconds))

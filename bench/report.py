"""The report in Markdown, with plots, from the JSON of all parts."""

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

from bench import growth, pictures, targets
from bench.candidates import LOOP
from bench.facts import Facts, Row, groups, paired
from bench.tables import table

MILLION = 1_000_000


def write(facts: Facts, into: Path) -> Path:
    """Write `report.md` and the plots, and return the path of the report."""
    into.mkdir(parents=True, exist_ok=True)
    for name, text in pictures.draw(facts).items():
        (into / name).write_text(text)
    path = into / "report.md"
    sections = [f"## {title}\n\n{text}" for title, text in _sections(facts)]
    path.write_text("\n\n".join(["# Benchmark", _about(facts), *sections]) + "\n")
    return path


def _about(facts: Facts) -> str:
    lines = [[f"`{part}`", *about.values()] for part, about in facts.about.items()]
    names = next((list(about) for about in facts.about.values()), [])
    return table(["part", *names], lines) + _wrong(facts)


def _wrong(facts: Facts) -> str:
    """Count the wrong runs of each part; nothing where all are right."""
    counts = {part: len(facts.wrong(part)) for part in facts.parts}
    found = [f"{count} of `{part}`" for part, count in counts.items() if count]
    text = "\n\n**Wrong runs**, which are in no plot and in no line of the model: "
    return f"{text}{', '.join(found)}." if found else ""


def _sections(facts: Facts) -> Iterable[tuple[str, str]]:
    yield "Targets", table(["what", "target", "figure", "reached"], targets.lines(facts))
    for part, title in PARTS.items():
        if part in facts.parts:
            yield title, TEXTS.get(part, _plain)(facts.parts[part].rows) + _skipped(facts, part)
    checks = growth.checks(facts)
    if checks:
        names = ["what", "model", "at", "predicted", "measured"]
        yield "Growth: a model, and where it was checked", table(names, checks)


def _skipped(facts: Facts, part: str) -> str:
    lines = [f"- {name}: skipped, {why}" for name, why in facts.parts[part].skipped.items()]
    return "\n".join(["\n", *lines]) if lines else ""


def _throughput(rows: list[Row]) -> str:
    """Write a table for each game: medians, also of the ratios to its producing loop."""
    texts = []
    for (game,), found in groups(rows, "game").items():
        by_name = groups(found, "candidate")
        base = by_name.get((LOOP,), [])
        lines = [_line(name, runs, base) for (name,), runs in by_name.items()]
        names = ["candidate", "runs", "scores/s", "spread", "to the loop", *COSTS, "right"]
        texts.append(f"{game}.\n\n{table(names, lines)}")
    return "\n\n".join(texts)


COSTS = ["CPU s a million", "broker CPU s a million", "peak MiB", "messages"]


def _line(name: str, runs: list[Row], base: list[Row]) -> list[object]:
    rates, loop = ([float(run["rate"]) for run in each] for each in (runs, base))
    wrong = next((run["wrong"] for run in runs if run["wrong"]), "")
    is_compared = bool(base) and not any(run["wrong"] for run in (*runs, *base))
    cpu, broker = (
        median(run.get(name, 0.0) / run["scores"] for run in runs) * MILLION
        for name in ("cpu_seconds", "broker_cpu_seconds")
    )
    return [
        name,
        len(runs),
        _rate(runs),
        f"{min(rates):,.0f} to {max(rates):,.0f}",
        f"{paired(rates, loop):.2f}" if is_compared else "",
        cpu,
        broker,
        max(run["peak_mib"] for run in runs),
        runs[0]["messages"],
        f"NO: {wrong}" if wrong else "yes",
    ]


def _rate(runs: list[Row]) -> float:
    """Return the median rate; a wrong run counts as 0."""
    return median(0.0 if run["wrong"] else run["rate"] for run in runs)


def _plain(rows: list[Row]) -> str:
    """Write rows as they are; a column that a row lacks stays empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return table(names, ([row.get(name) for name in names] for row in rows))


RESTS = {
    "resident_mib": "MiB",
    "peak_mib": "peak MiB",
    "idle_percent": "idle %",
    "broker_percent": "broker %",
}


def _restarts(rows: list[Row]) -> str:
    """Write a line for each flow and table."""
    lines = []
    rows = [{"history_days": 0, **row} for row in rows]
    for (flow, users, days), found in groups(rows, "flow", "users", "history_days").items():
        seconds = sorted(row["seconds"] for row in found if "seconds" in row)
        rest = next(row for row in found if "idle_percent" in row)
        spread = f"{seconds[0]:.2f} to {seconds[-1]:.2f}" if seconds else ""
        middle = median(seconds) if seconds else None
        rests = [rest.get(name) for name in RESTS]
        lines.append([flow, users, days, middle, spread, *rests])
    names = ["flow", "users", "days of history", "seconds", "spread", *RESTS.values()]
    return table(names, lines)


PARTS = {
    "throughput": "Throughput: bare loops and ours",
    "others": "Throughput: others in Python",
    "java": "Throughput: Kafka Streams",
    "variants": "Throughput: other games",
    "latency": "Latency of scores that change the board",
    "restarts": "Back after kill -9, two messages a user; memory and CPU at rest",
    "fanout": "Fan-out: one web process, HTTP/1.1, clients on the same cores",
    "ranks": "Ranks, beside 1,000 updates a second",
}
TEXTS: dict[str, Callable[[list[Row]], str]] = {
    "throughput": _throughput,
    "others": _throughput,
    "java": _throughput,
    "variants": _throughput,
    "restarts": _restarts,
}

"""The report: what was measured as Markdown for people and JSON for programs, and on what."""

import json
import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.game import Size
from bench.runs import Result
from local.jars import KAFKA_VERSION

RESULTS = Path(__file__).parent / "results"
BASE = "loop: produce"


def machine() -> str:
    """Say on what it ran."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, {platform.system()}; "
        f"CPython {platform.python_version()}, Bytewax {version('bytewax')}, "
        f"confluent-kafka {version('confluent-kafka')}, Kafka {KAFKA_VERSION} on the same cores"
    )


def throughput(results: Sequence[Result], size: Size) -> str:
    """Write a table of the candidates, medians over their runs, ratios to the producing loop."""
    runs: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        runs[result.name].append(result)
    base = _rate(runs[BASE], size)
    lines = [
        f"{size.scores:,} scores of {size.users:,} users; medians of {len(runs[BASE])} runs",
        "",
        "| candidate | scores/s | spread | to produce | CPU s | peak MiB | messages | right |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join(lines + [_line(name, found, size, base) for name, found in runs.items()])


def _rate(found: Sequence[Result], size: Size) -> float:
    return statistics.median(size.scores / result.seconds for result in found)


def _line(name: str, found: Sequence[Result], size: Size, base: float) -> str:
    rates = sorted(size.scores / result.seconds for result in found)
    cpu = statistics.median(result.cpu_seconds for result in found)
    peak = max(result.peak_mib for result in found)
    is_right = all(result.is_right for result in found)
    rate = _rate(found, size)
    return (
        f"| {name} | {rate:,.0f} | {rates[0]:,.0f} to {rates[-1]:,.0f} | {rate / base:.2f} "
        f"| {cpu:.1f} | {peak:.0f} | {found[0].messages:,} | {'yes' if is_right else 'NO'} |"
    )


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows that have the same names."""
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    lines = [names, ["---"] * len(names), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def write(parts: Mapping[str, str], facts: Mapping[str, Any]) -> Path:
    """Write `report.md` and `report.json` to bench/results, and give the first one's path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "report.md"
    sections = [f"## {title}\n\n{text}\n" for title, text in parts.items()]
    path.write_text("\n".join(["# Benchmark", "", machine() + ".", "", *sections]))
    (RESULTS / "report.json").write_text(json.dumps({"machine": machine(), **facts}, indent=1))
    return path

"""The measurements, a JSON file for each part: parts of one report may be measured separately."""

import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.machine import cores, describe

SHOWN = 8  # columns

Row = dict[str, Any]


class Part(NamedTuple):
    """The measurements of one part, one in a row, and what was skipped, with the reason."""

    rows: list[Row]
    skipped: dict[str, str]

    def add(self, row: Row) -> None:
        """Add a row, and print its first columns."""
        self.rows.append(row)
        shown = [f"{each:.2f}" if isinstance(each, float) else str(each) for each in row.values()]
        print("  ", *shown[:SHOWN], flush=True)


class Facts:
    """All parts of a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.parts: dict[str, Part] = {}
        self.about: dict[str, Mapping[str, str]] = {}
        for path in sorted(directory.glob("*.json")):
            found = json.loads(path.read_text())
            self.parts[path.stem] = Part(found["rows"], found["skipped"])
            self.about[path.stem] = found["about"]

    def keep(self, name: str, plan: str, part: Part) -> None:
        """Keep a part; it replaces an earlier one of the same name."""
        about = {"plan": plan, **describe()}
        self.parts[name], self.about[name] = part, about
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{name}.json"
        path.write_text(json.dumps({"about": about, **part._asdict()}, indent=1) + "\n")

    def rows(self, part: str, **where: object) -> list[Row]:
        """Return the rows of a part that have these values and are not wrong."""
        return [row for row in self._rows(part, where) if not row.get("wrong")]

    def wrong(self, part: str, **where: object) -> list[Row]:
        """Return the rows of a part that have these values and are wrong."""
        return [row for row in self._rows(part, where) if row.get("wrong")]

    def _rows(self, part: str, where: Mapping[str, object]) -> list[Row]:
        found = self.parts[part].rows if part in self.parts else []
        return [row for row in found if where.items() <= row.items()]

    def median(self, part: str, name: str, **where: object) -> float | None:
        """Return the median of a column of the rows that are not wrong, None if there are none."""
        found = [row[name] for row in self.rows(part, **where) if name in row]
        return statistics.median(found) if found else None

    def is_full(self, part: str) -> bool:
        """Return whether a part was measured with the plan `full`."""
        return self.about.get(part, {}).get("plan") == "full"

    def cores(self, part: str) -> int:
        """Return the cores of the machine that measured a part, 0 if none has."""
        return cores(self.about[part]) if part in self.about else 0


def groups(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    """Group rows by the values of these columns, in the order of their first rows."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def paired(above: Iterable[float], below: Iterable[float]) -> float:
    """Return the median of the ratios of two columns, round by round.

    What is measured in one round is measured within a minute or two, so a machine that becomes
    slower or faster from round to round changes no ratio.

    Raises:
        ValueError: They are not of the same number of rounds.
    """
    return statistics.median(x / y for x, y in zip(above, below, strict=True))

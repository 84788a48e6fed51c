"""A model of growth: straight lines through the smallest and largest measurements, and checks.

The memory and the restart of a flow need a base and an amount for each user. Catching up needs an
amount of CPU for each score, and more for each best that it makes: of all time, and of each period.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bench.candidates import OURS, THREE_BOARDS
from bench.facts import Facts, Row, groups
from bench.restarts import WITH_THREE_BOARDS

MILLION = 1_000_000
FAR = 100 * MILLION  # users

Point = tuple[float, float]


class Line(NamedTuple):
    """A straight line."""

    base: float
    slope: float

    def at(self, x: float) -> float:
        """Return its y at an x."""
        return self.base + self.slope * x


class Check(NamedTuple):
    """The prediction of a line for a point that it was not drawn through."""

    what: str
    model: str
    at: str
    predicted: float
    measured: float | None  # None if that point was not measured


def through(points: Sequence[Point]) -> Line:
    """Draw a line through the first and the last point."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    slope = (y1 - y0) / (x1 - x0)
    return Line(y0 - slope * x0, slope)


def checks(facts: Facts) -> list[Check]:
    """Check each line that has enough points."""
    found = list(_catch_up(facts))
    for flow in ("highscores", "top5", WITH_THREE_BOARDS):
        found += _of_users(f"memory of {flow}, MiB", _by_users(facts, flow, "resident_mib"))
        found += _of_users(f"{flow} back after kill -9, s", _by_users(facts, flow, "seconds"))
    return found


def _by_users(facts: Facts, flow: str, name: str) -> list[Point]:
    users = sorted({row["users"] for row in facts.rows("restarts", flow=flow)})
    found = [(each, facts.median("restarts", name, flow=flow, users=each)) for each in users]
    return [(each, y) for each, y in found if y is not None]


def _of_users(what: str, points: Sequence[Point]) -> list[Check]:
    if len(points) < 3:  # noqa: PLR2004 - the ends, and one between
        return []
    line = through(points)
    model = f"{line.base:.2f} + {line.slope * MILLION:.2f} a million users"
    between = [Check(what, model, f"{x:,.0f} users", line.at(x), y) for x, y in points[1:-1]]
    return [*between, Check(what, model, f"{FAR:,} users", line.at(FAR), None)]


def _catch_up(facts: Facts) -> list[Check]:
    """Model the CPU of a million scores by the bests that they make on all boards."""
    rows = [
        row
        for row in (
            *facts.rows("variants", candidate=OURS),
            *facts.rows("throughput", candidate=OURS),
        )
        if (row["form"], row["partitions"]) == ("json", 8)
    ]
    points = sorted(_point(found) for found in groups(rows, "game").values())
    if len(points) < 3:  # noqa: PLR2004
        return []
    line = through(points)
    what = "CPU s of a million scores"
    model = f"{line.base:.2f} + {line.slope:.2f} times the bests of a score"
    boards = facts.rows("variants", candidate=THREE_BOARDS)
    three = [_point(boards)] if boards else []
    return [
        Check(what, model, f"{x:.3f} bests of a score{on}", line.at(x), y)
        for found, on in ((points[1:-1], ""), (three, ", on three boards"))
        for x, y in found
    ]


def _point(rows: Sequence[Row]) -> Point:
    """Return the bests of a score and the CPU seconds of a million scores, of the median run."""
    row = sorted(rows, key=lambda each: each["cpu_seconds"])[len(rows) // 2]
    return row["messages"] / row["scores"], row["cpu_seconds"] / row["scores"] * MILLION

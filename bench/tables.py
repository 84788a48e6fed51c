"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table; figures have at least three digits."""
    lines = [names, ["---"] * len(names), *([cell(each) for each in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(value: object) -> str:
    """Write a figure with three digits or more, and anything else as it is."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004
    return f"{value:,}" if isinstance(value, int) else str(value)

"""Plots as small SVG files: bars with whiskers, for light and dark backgrounds."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, LABEL, VALUE = 760, 210, 90
ROW, BAR, TOP = 30, 16, 46

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.note { fill: #656d76 }
.bar { fill: #8c959f }
.ours { fill: #1a7f5a }
.whisker { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #9198a1 }
  .bar { fill: #6e7681 }
  .ours { fill: #3fb68b }
  .whisker { stroke: #e6edf3 }
}
"""


class Bar(NamedTuple):
    """A value with its name; the whisker goes from `low` to `high`."""

    name: str
    value: float
    low: float
    high: float
    is_ours: bool = True


def bars(title: str, note: str, found: Sequence[Bar]) -> str:
    """Draw horizontal bars, the first at the top."""
    scale = (WIDTH - LABEL - VALUE) / max(bar.high for bar in found)
    height = TOP + ROW * len(found) + 8
    rows = [_row(bar, TOP + ROW * number, scale) for number, bar in enumerate(found)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<text class="title" x="4" y="18">{escape(title)}</text>',
            f'<text class="note" x="4" y="36">{escape(note)}</text>',
            *rows,
            "</svg>\n",
        ]
    )


def _row(bar: Bar, top: int, scale: float) -> str:
    kind = "bar ours" if bar.is_ours else "bar"
    middle, end = top + ROW // 2, LABEL + max(bar.value, bar.high) * scale
    low, high = LABEL + bar.low * scale, LABEL + bar.high * scale
    return (
        f'<text x="{LABEL - 8}" y="{middle + 4}" text-anchor="end">{escape(bar.name)}</text>'
        f'<rect class="{kind}" x="{LABEL}" y="{middle - BAR // 2}" '
        f'width="{bar.value * scale:.1f}" height="{BAR}" rx="2"/>'
        f'<path class="whisker" d="M{low:.1f} {middle}H{high:.1f}"/>'
        f'<text x="{end + 8:.1f}" y="{middle + 4}">{_short(bar.value)}</text>'
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits

"""Charts as SVG: bars of the ways, and lines over a number. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

from performance.report import number
from performance.ways import WAYS

TOP = 40
WIDTH, LABEL, BAR, ROW = 760, 280, 360, 26
PANEL_WIDTH, PANEL_HEIGHT, MARGIN = 360, 240, 52
COLORS = ("#1a73e8", "#d93025", "#188038", "#9334e6")
STYLE = """\
  text { font: 13px sans-serif; fill: #1f2328 } .title { font-weight: bold }
  .ours { fill: #1a7f37 } .peer { fill: #8c959f } .range { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .ours { fill: #3fb950 } .peer { fill: #6e7681 } .range { stroke: #e6edf3 }
  }"""


def bars(title: str, unit: str, values: Mapping[str, Sequence[float]]) -> str:
    """One bar for each way that has values: the median, with a line from least to most.

    Lengths are linear from 0; what is less than 0 has no bar. It is readable in light and dark, and by a screen reader.
    """
    longest = max(max(each) for each in values.values()) or 1
    height = TOP + ROW * len(values) + 10
    described = "; ".join(f"{WAYS[name].title}: {number(median(each))} {unit}" for name, each in values.items())
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(title)}, {unit}</title>',
        f'<desc id="desc">Medians. {escape(described)}</desc>',
        f"<style>\n{STYLE}\n</style>",
        f'<text class="title" x="10" y="22">{escape(title)}, {unit}: median, least to most</text>',
    ]
    for number_of, (name, each) in enumerate(values.items()):
        y = TOP + ROW * number_of
        middle, least, most = (max(0, value) / longest * BAR for value in (median(each), min(each), max(each)))
        kind = "ours" if WAYS[name].ours else "peer"
        drawn += [
            f'<text x="10" y="{y + 14}">{escape(WAYS[name].title)}</text>',
            f'<rect class="{kind}" x="{LABEL}" y="{y + 2}" width="{max(1, middle):.1f}" height="16"/>',
            f'<line class="range" x1="{LABEL + least:.1f}" x2="{LABEL + most:.1f}" y1="{y + 10}" y2="{y + 10}"/>',
            f'<text x="{LABEL + max(middle, most) + 8:.1f}" y="{y + 14}">{number(median(each))}</text>',
        ]
    return "\n".join([*drawn, "</svg>", ""])


@dataclass(frozen=True)
class Panel:
    """One figure: a line for each name, of points (count, value); one without points is left out."""

    title: str
    lines: Mapping[str, Sequence[tuple[float, float]]]


def plot(panels: Sequence[Panel], across: str) -> str:
    """All panels below each other, two in a row; the counts are on a logarithmic axis, named `across`."""
    rows = math.ceil(len(panels) / 2)
    drawn = (
        f'<g transform="translate({place % 2 * PANEL_WIDTH} {place // 2 * PANEL_HEIGHT})">{_panel(panel, across)}</g>'
        for place, panel in enumerate(panels)
    )
    size = f'width="{2 * PANEL_WIDTH}" height="{rows * PANEL_HEIGHT}"'
    style = 'font-family="sans-serif" font-size="11" style="background: white"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n' + "\n".join(drawn) + "\n</svg>\n"


def _panel(panel: Panel, across: str) -> str:
    points = [point for line in panel.lines.values() for point in line]
    counts = sorted({count for count, _ in points})
    lowest, highest = min(0, *(value for _, value in points)), max(value for _, value in points)
    span = (highest - lowest) or 1
    low, high = math.log10(counts[0]), math.log10(counts[-1])

    def x(count: float) -> float:
        return MARGIN + (math.log10(count) - low) / ((high - low) or 1) * (PANEL_WIDTH - 2 * MARGIN)

    def y(value: float) -> float:
        return PANEL_HEIGHT - MARGIN - (value - lowest) / span * (PANEL_HEIGHT - MARGIN - TOP)

    parts = [f'<text x="{MARGIN}" y="16" font-weight="bold">{escape(panel.title)}</text>']
    for value in sorted({lowest, 0, highest / 2, highest}):
        parts.append(f'<path d="M{MARGIN} {y(value):.1f}H{PANEL_WIDTH - MARGIN}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN - 4}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.4g}</text>')
    bottom = PANEL_HEIGHT - MARGIN
    parts += [f'<text x="{x(count):.1f}" y="{bottom + 16}" text-anchor="middle">{count:g}</text>' for count in counts]
    parts.append(f'<text x="{PANEL_WIDTH / 2}" y="{bottom + 32}" text-anchor="middle">{escape(across)}</text>')
    for place, (name, line) in enumerate(panel.lines.items()):
        if not line:
            continue
        color = COLORS[place % len(COLORS)]
        path = " ".join(f"{x(count):.1f},{y(value):.1f}" for count, value in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(n):.1f}" cy="{y(value):.1f}" r="3" fill="{color}"/>' for n, value in line]
        parts.append(f'<text x="{MARGIN + place * 90}" y="32" fill="{color}">{escape(name)}</text>')
    return "".join(parts)

"""Bars as SVG: median, with a line from least to most. Pure; readable in light and dark, and by a screen reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from statistics import median

from performance.report import number
from performance.ways import WAYS

WIDTH, LABEL, BAR, ROW, TOP = 760, 280, 360, 26, 40
STYLE = """\
  text { font: 13px sans-serif; fill: #1f2328 } .title { font-weight: bold }
  .ours { fill: #1a7f37 } .peer { fill: #8c959f } .range { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .ours { fill: #3fb950 } .peer { fill: #6e7681 } .range { stroke: #e6edf3 }
  }"""


def bars(title: str, unit: str, values: Mapping[str, Sequence[float]]) -> str:
    """One bar for each way that has values. Lengths are linear from 0; what is less than 0 has no bar."""
    longest = max(max(each) for each in values.values()) or 1
    height = TOP + ROW * len(values) + 10
    described = "; ".join(f"{WAYS[name].title}: {number(median(each))} {unit}" for name, each in values.items())
    lines = [
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
        lines += [
            f'<text x="10" y="{y + 14}">{escape(WAYS[name].title)}</text>',
            f'<rect class="{kind}" x="{LABEL}" y="{y + 2}" width="{max(1, middle):.1f}" height="16"/>',
            f'<line class="range" x1="{LABEL + least:.1f}" x2="{LABEL + most:.1f}" y1="{y + 10}" y2="{y + 10}"/>',
            f'<text x="{LABEL + max(middle, most) + 8:.1f}" y="{y + 14}">{number(median(each))}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])

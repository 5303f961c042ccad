"""Draws figures over a number, as SVG, without input or output."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, MARGIN, TOP = 360, 240, 52, 40
COLORS = ("#1a73e8", "#d93025", "#188038", "#9334e6")


@dataclass(frozen=True)
class Panel:
    """One figure: a line for each name, of points (number, value); one without points is left out."""

    title: str
    lines: Mapping[str, Sequence[tuple[float, float]]]


def plot(panels: Sequence[Panel], across: str) -> str:
    """All panels below each other, two in a row; the numbers are on a logarithmic axis, named `across`."""
    rows = math.ceil(len(panels) / 2)
    drawn = (
        f'<g transform="translate({number % 2 * WIDTH} {number // 2 * HEIGHT})">{_panel(panel, across)}</g>'
        for number, panel in enumerate(panels)
    )
    size = f'width="{2 * WIDTH}" height="{rows * HEIGHT}"'
    style = 'font-family="sans-serif" font-size="11" style="background: white"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n' + "\n".join(drawn) + "\n</svg>\n"


def _panel(panel: Panel, across: str) -> str:
    points = [point for line in panel.lines.values() for point in line]
    numbers = sorted({number for number, _ in points})
    lowest, highest = min(0, *(value for _, value in points)), max(value for _, value in points)
    span = (highest - lowest) or 1
    low, high = math.log10(numbers[0]), math.log10(numbers[-1])

    def x(number: float) -> float:
        return MARGIN + (math.log10(number) - low) / ((high - low) or 1) * (WIDTH - 2 * MARGIN)

    def y(value: float) -> float:
        return HEIGHT - MARGIN - (value - lowest) / span * (HEIGHT - MARGIN - TOP)

    parts = [f'<text x="{MARGIN}" y="16" font-weight="bold">{escape(panel.title)}</text>']
    for value in sorted({lowest, 0, highest / 2, highest}):
        parts.append(f'<path d="M{MARGIN} {y(value):.1f}H{WIDTH - MARGIN}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN - 4}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.4g}</text>')
    below = f'y="{HEIGHT - MARGIN + 16}" text-anchor="middle"'
    parts += [f'<text x="{x(number):.1f}" {below}>{number:g}</text>' for number in numbers]
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - MARGIN + 32}" text-anchor="middle">{escape(across)}</text>')
    for place, (name, line) in enumerate(panel.lines.items()):
        if not line:
            continue
        color = COLORS[place % len(COLORS)]
        path = " ".join(f"{x(number):.1f},{y(value):.1f}" for number, value in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(n):.1f}" cy="{y(value):.1f}" r="3" fill="{color}"/>' for n, value in line]
        parts.append(f'<text x="{MARGIN + place * 90}" y="32" fill="{color}">{escape(name)}</text>')
    return "".join(parts)

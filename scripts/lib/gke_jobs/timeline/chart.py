"""The timeline of a report as inline SVG: a row for each Pod, and only one path for each phase, for a small file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from gke_jobs.timeline.formatting import clock, duration_text, result_text, seconds_text, short_pod
from gke_jobs.timeline.phases import PHASE_TEXTS, Phase, Span, attempts, shown_spans
from gke_jobs.timeline.record import Outcome, PodRun, Record

LABEL, BARS, RESULT = 230, 640, 170  # columns, in units of the drawing
ROW, HEAD = 18, 26
LEAST_WIDTH = 2.0  # keeps short phases visible
MOST_STEPS = 6  # of the time axis
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)  # s
MARKED = {Outcome.FAILED, Outcome.OUT_OF_MEMORY, Outcome.PREEMPTED, Outcome.EVICTED, Outcome.REMOVED}
MOST_CHARACTERS = 63  # of a name


def cut(words: str, most: int = MOST_CHARACTERS) -> str:
    """Return text for HTML, cut to a maximum length."""
    return escape(words if len(words) <= most else f"{words[: most - 3]}...", quote=True)


def chart(record: Record, pods: Sequence[PodRun]) -> str:
    """Return the SVG of these Pods."""
    tries = attempts(record.pods)
    width, height = LABEL + BARS + RESULT, HEAD + ROW * len(pods) + 4
    paths: dict[Phase, list[str]] = {}
    rows, marks = [], []
    for number, pod in enumerate(pods):
        top = HEAD + ROW * number
        spans = shown_spans(pod, record, attempt=tries[pod.uid])
        for span in spans:
            left, right = _x(span.start, record), _x(span.end, record)
            wide = max(LEAST_WIDTH, round(right - left, 1))
            paths.setdefault(span.phase, []).append(f"M{left:g} {top + 3}h{wide:g}v12H{left:g}z")
        if pod.outcome in MARKED and pod.ended is not None:
            is_failure = pod.outcome in (Outcome.FAILED, Outcome.OUT_OF_MEMORY)
            marks.append(_mark(_x(pod.ended, record), top + 9, is_failure=is_failure))
        rows.append(_row(pod, tries[pod.uid], spans, record, top))
    count = f"{len(pods)} Pod{'' if len(pods) == 1 else 's'}"
    title = f"Timeline of Job {cut(record.job)}: {count} in {duration_text(record.seconds)}"
    drawn = "".join(f'<path class="{phase.value}" d="{"".join(paths[phase])}"/>' for phase in Phase if phase in paths)
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-labelledby="drawn">'
        f'<title id="drawn">{title}. The table of Pods below has the same as text.</title>'
        f"{_grid(record, height)}{drawn}{''.join(marks)}{''.join(rows)}</svg>"
    )


def pod_title(pod: PodRun) -> str:
    """Return the name of a Pod, followed by its index."""
    return f"{pod.name} ({pod.index})" if pod.index else pod.name


def _x(time: float, record: Record) -> float:
    part = (time - record.created) / record.seconds if record.seconds else 0.0
    return round(LABEL + BARS * min(1.0, max(0.0, part)), 1)


def _mark(x: float, y: float, *, is_failure: bool) -> str:
    shape = f"M{x - 4:g} {y - 4:g}l8 8m0-8l-8 8" if is_failure else f"M{x:g} {y - 5:g}l5 5-5 5-5-5z"
    return f'<path class="{"failure" if is_failure else "disruption"}" d="{shape}"/>'


def _row(pod: PodRun, number: int, spans: Sequence[Span], record: Record, top: int) -> str:
    place = f"{pod.node}{', spot' if pod.spot else ''}" if pod.node else "no node"
    times = ", ".join(f"{PHASE_TEXTS[span.phase]} {duration_text(span.seconds)}" for span in spans)
    name, result = cut(pod_title(pod), MOST_CHARACTERS + 16), cut(result_text(pod, record))
    tooltip = f"{name}, try {number}, {cut(place)}: {result}; {times}"
    label = short_pod(pod.name) + (f" ({pod.index[:12]})" if pod.index else "")
    label += f" try {number}" if number > 1 else ""
    return (
        f'<g><title>{tooltip}</title><rect class="row" y="{top}" width="{LABEL + BARS + RESULT}" height="{ROW}"/>'
        f'<text x="4" y="{top + 13}">{cut(label, 28)}</text>'
        f'<text x="{LABEL + BARS + 8}" y="{top + 13}">{cut(result_text(pod, record), 24)}</text></g>'
    )


def ticks(seconds: float) -> list[float]:
    """Return the times of the axis: round values, and the end."""
    step = next((step for step in STEPS if seconds <= step * MOST_STEPS), None)
    step = step or math.ceil(seconds / MOST_STEPS / STEPS[-1]) * STEPS[-1]
    # A time whose text would overlap that of the end is left out.
    round_ones = [step * number for number in range(MOST_STEPS) if step * number < seconds * 0.9]
    return [*round_ones, seconds] if seconds else [0.0]


def _grid(record: Record, height: int) -> str:
    parts = []
    for seconds in ticks(record.seconds):
        x = _x(record.created + seconds, record)
        anchor = "start" if not seconds else "end" if seconds == record.seconds else "middle"
        words = seconds_text(seconds).removesuffix(" 0 s").removesuffix(" 0 min").removesuffix(" 0 h")
        parts.append(
            f'<path class="grid" d="M{x:g} {HEAD - 6}V{height}"/>'
            f'<text class="tick" x="{x:g}" y="14" text-anchor="{anchor}">'
            f"<title>{clock(record.created + seconds)} UTC</title>{words}</text>"
        )
    return "".join(parts)

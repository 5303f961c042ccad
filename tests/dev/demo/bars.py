"""Draws a growing bar for each Pod, a line each, on one time axis for all Jobs."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gke_jobs.json_access import Json, dict_at, text_at
from gke_jobs.labels import COMPLETION_INDEX, TASK
from gke_jobs.plain_text import one_line
from gke_jobs.timeline.formatting import result_text, seconds_text
from gke_jobs.timeline.phases import MARKS, PHASE_TEXTS, Phase, pod_spans
from gke_jobs.timeline.pod_history import PodHistory
from gke_jobs.timeline.record import Outcome, PodRun, Record

LABEL, NODE, RESULT = 17, 14, 20  # columns
LEAST_BAR = 10
OTHERS = LABEL + NODE + RESULT + len("   [] ")
FAILED, DISRUPTED = "x", "!"
ENDS = {
    **dict.fromkeys((Outcome.FAILED, Outcome.OUT_OF_MEMORY), FAILED),
    **dict.fromkeys((Outcome.PREEMPTED, Outcome.EVICTED, Outcome.REMOVED), DISRUPTED),
}
MEANINGS = {
    **{MARKS[phase]: PHASE_TEXTS[phase] for phase in (Phase.WAITING, Phase.PREPARING, Phase.PULLING, Phase.RUNNING)},
    FAILED: "failed",
    DISRUPTED: "disrupted",
}
COLOURS = dict(zip(MEANINGS, (33, 36, 36, 32, 31, 35), strict=True))  # of ANSI terminals
NOT_ENDED = Record(job="")
BAR = re.compile(r"(?<=\[).*(?=\])")
RUN = re.compile(r"([^ ])\1*")  # a run of the same mark


@dataclass(frozen=True)
class Bar:
    """A Pod, its states so far, and its task."""

    task: str
    pod: PodRun


class Pods:
    """The Pods of all Jobs, in the order of their first events."""

    def __init__(self) -> None:
        self._runs = PodHistory()
        self._tasks: dict[str, str] = {}

    def change(self, pod: Json, *, is_deleted: bool, now: float) -> None:
        """Store the current state of a Pod, or its last one. now: seconds since the epoch."""
        metadata = dict_at(pod, "metadata")
        task, index = (text_at(metadata, "labels", TASK), text_at(metadata, "annotations", COMPLETION_INDEX))
        self._tasks[text_at(metadata, "uid")] = one_line(f"{task} {index}".rstrip())
        self._runs.change(pod, is_deleted=is_deleted, now=now)

    def bars(self) -> list[Bar]:
        """Return the bars of all Pods."""
        return [Bar(self._tasks[run.uid], run) for run in self._runs.all()]

    def running(self, task: str) -> PodRun | None:
        """Return a running Pod of a task, None without one."""
        found = (bar.pod for bar in self.bars() if bar.task == task)
        return next((pod for pod in found if pod.outcome is Outcome.RUNNING), None)


def picture(bars: Sequence[Bar], now: float, *, columns: int, lines: int) -> list[str]:
    """Return at most `lines` lines for all Pods, none longer than `columns`; an empty list without Pods."""
    began = min((bar.pod.created for bar in bars if bar.pod.created is not None), default=None)
    if began is None:
        return []
    width = max(LEAST_BAR, columns - OTHERS)
    step = max(1, math.ceil((now - began) / width))  # seconds per character
    room = max(1, lines - 2)
    hidden = max(0, len(bars) - room)
    head = f"{'task':{LABEL}} {'node':{NODE}} [{_scale(width, step, now - began)}]"
    more = f"; {hidden} older Pods are not shown" if hidden else ""
    rows = [_row(bar, began, now, width, step) for bar in bars[hidden:]]
    marks = set("".join(found[0] for row in rows for found in [BAR.search(row)] if found))
    legend = ", ".join(f"{mark} {meaning}" for mark, meaning in MEANINGS.items() if mark in marks)
    return [line[:columns] for line in (head, *rows, f"{legend}{more}")]


def coloured(line: str) -> str:
    """Return a line with terminal colours in its bar."""

    def colour(marks: re.Match[str]) -> str:
        number = COLOURS.get(marks[1])
        return f"\x1b[{number}m{marks[0]}\x1b[0m" if number else marks[0]

    return BAR.sub(lambda bar: RUN.sub(colour, bar[0]), line)


def _scale(width: int, step: int, elapsed: float) -> str:
    """Return the axis: the elapsed time ends at the end of the growing bars."""
    end = seconds_text(int(elapsed))
    column = min(width, max(len(end) + 2, math.ceil(elapsed / step)))
    return f"0{end:>{column - 1}}".ljust(width)


def _row(bar: Bar, began: float, now: float, width: int, step: int) -> str:
    pod = bar.pod
    node = pod.node if len(pod.node) <= NODE else f"..{pod.node[2 - NODE :]}"
    cells = "".join(_cells(pod, began, now, width, step))
    label = f"{bar.task[: LABEL - 6]} {pod.name[-5:]}"
    return f"{label:{LABEL}} {node:{NODE}} [{cells}] {result_text(pod, NOT_ENDED)[:RESULT]}".rstrip()


def _cells(pod: PodRun, began: float, now: float, width: int, step: int) -> list[str]:
    """Return for each character the phase in the middle of its time span, for the last one the current phase."""
    spans = pod_spans(pod, Record(job="", ended=now), attempt=2)
    middles = (began + (number + 0.5) * step for number in range(width))
    cells = [next((MARKS[span.phase] for span in spans if span.start <= at < span.end), " ") for at in middles]
    if pod.ended is None and spans:
        phase = Phase.RUNNING if pod.outcome is Outcome.RUNNING else spans[-1].phase
        cells[min(width - 1, max(0, math.ceil((now - began) / step) - 1))] = MARKS[phase]
    if pod.ended is not None and (mark := ENDS.get(pod.outcome)):
        cells[min(width - 1, max(0, math.ceil((pod.ended - began) / step) - 1))] = mark
    return cells

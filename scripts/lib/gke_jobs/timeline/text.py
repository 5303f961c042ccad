"""The timeline of a run as text for a task log: at most MOST_LINES lines, whatever the number of Pods.

The table of Pods is ASCII, so that its columns align in every log; other texts have letters of any language.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from gke_jobs.text_width import FILLER, filled
from gke_jobs.timeline.cost_text import cost_rows
from gke_jobs.timeline.formatting import (
    clock,
    counts_text,
    duration_text,
    index_ranges,
    median,
    outcomes,
    phases_text,
    result_text,
    short_node,
    short_pod,
    shortened,
)
from gke_jobs.timeline.phases import MARKS, PHASE_TEXTS, Phase, attempts, shown_spans, slowest
from gke_jobs.timeline.record import Outcome, PodRun, Record

MOST_LINES = 36
MOST_ROWS = 12  # Pods with a row each
MOST_SINGLE = 5  # single Pods beside the groups
MOST_FAILED = 3  # failed Pods among them
MOST_GROUPS = 6
TEXT_LINES = 4  # for cause and advice
SHORTENED_BY = 4  # characters at a time, until there is room
NUMBER_LINES = 2  # for each of times, numbers and cost
KEPT_SPACE = "\xa0"  # between two words that stay on one line
RESULT_CHARACTERS = 20
RESOLUTION = 1e-6  # seconds, of the times of Kubernetes
LEAST_BAR = 12
ENDS = {
    Outcome.FAILED: "x",
    Outcome.OUT_OF_MEMORY: "x",
    Outcome.PREEMPTED: "!",
    Outcome.EVICTED: "!",
    Outcome.REMOVED: "!",
}
FAILURES = (Outcome.FAILED, Outcome.OUT_OF_MEMORY)
END_TEXTS = {"x": "failed", "!": "disrupted"}
ORDER = "x! "  # of groups


@dataclass(frozen=True)
class Row:
    """A line of the timeline: columns of text, the bar, and the outcome."""

    columns: tuple[str, ...]
    bar: str
    result: str


def text(record: Record, width: int = 80) -> str:
    """Return the timeline, each line ended by a newline. The verdict is not in it: it is the last message of a run."""
    tries = attempts(record.pods)
    took = f"{record.outcome or 'not finished'} after {duration_text(record.seconds)}"
    lines = [_ascii(f"timeline: {took}: Job {record.job}")[:width]]
    lines.append(f"  {clock(record.created)} to {clock(record.ended)} UTC"[:width])
    for name, words in (("cause", record.cause), ("advice", record.advice)) if record.status != 0 else ():
        lines += _wrap_text(f"{name}: {words}", width) if words else []
    lines += _wrapped(f"time: {_together(phases_text(record))}", width)
    lines += _wrapped(_together(counts_text(record, tries)), width)
    if record.pods:
        lines += _table(record, tries, width)
    for name, words in cost_rows(record):
        lines += _wrapped(_together(f"{name}: {words}"), width)
    return "".join(f"{line}\n" for line in lines)


def _together(words: str) -> str:
    """Return text that breaks only after a comma or a colon."""
    return re.sub(r"(?<![,:]) ", KEPT_SPACE, words)


def _wrapped(words: str, width: int, indent: str = "    ", lines: int | None = NUMBER_LINES) -> list[str]:
    found = textwrap.wrap(
        filled(words),
        width,
        initial_indent="  ",
        subsequent_indent=indent,
        max_lines=lines,
        placeholder=" ...",
        break_on_hyphens=False,
    )
    return [line.replace(KEPT_SPACE, " ").replace(FILLER, "") for line in found]


def _wrap_text(words: str, width: int) -> list[str]:
    """Return text in lines; a longer text loses its middle."""
    most = min(len(words), TEXT_LINES * width)
    while len(lines := _wrapped(shortened(words, most), width, lines=None)) > TEXT_LINES:
        most -= SHORTENED_BY
    return lines


def _table(record: Record, tries: dict[str, int], width: int) -> list[str]:
    is_grouped = len(record.pods) > MOST_ROWS
    title, shown = _singles(record) if is_grouped else ("", sorted(record.pods, key=_order))
    with_index = any(pod.index for pod in shown)
    with_try = any(tries[pod.uid] > 1 for pod in shown)
    with_spot = any(pod.spot for pod in shown)
    columns = {"Pod": True, "index": with_index, "try": with_try, "node": True, "spot": with_spot}
    heads = [name for name, is_there in columns.items() if is_there]
    cells = [[text for name, text in _columns(pod, tries[pod.uid]) if columns[name]] for pod in shown]
    results = [_ascii(result_text(pod, record))[:RESULT_CHARACTERS] for pod in shown]
    groups = _groups(record) if is_grouped else []
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    ends = [len(_ran(pods, record, tries)) for _, pods in groups] + [len(result) for result in results]
    space = sum(widths) + len(widths) + max(len("result"), *ends) + len("  [] ")
    bar = max(LEAST_BAR, width - space)
    head = Row(tuple(heads), _scale(record.seconds, bar), "result")
    rows = [
        Row(tuple(columns), _bar(pod, record, tries, bar), result)
        for pod, columns, result in zip(shown, cells, results, strict=True)
    ]
    lines = [_line(head, widths)]
    if is_grouped:
        label = sum(widths) + len(widths) - 1
        lines += [_group_line(words, pods, record, label, bar, tries) for words, pods in groups]
        lines.append(f"  {title}:")
    lines += [_line(row, widths) for row in rows]
    return [line[:width].rstrip() for line in [*lines, *_legend(lines, width)]]


def _singles(record: Record) -> tuple[str, list[PodRun]]:
    """Return the single Pods beside the groups, and a title for them."""
    pods, named = slowest(record), set(re.findall(r"[a-z0-9.-]+", record.cause))
    of_cause = [pod for pod in pods if pod.name in named][:1]
    failed = [pod for pod in pods if pod.outcome in FAILURES and pod not in of_cause]
    failed = failed[: MOST_FAILED - len(of_cause)]
    first = [*of_cause, *failed]
    shown = [*first, *(pod for pod in pods if pod not in first)][:MOST_SINGLE]
    title = "the one in the cause, " if of_cause else ""
    title += f"{len(failed)} {'more ' if of_cause else ''}that failed, " if failed else ""
    return f"{len(shown)} of {sum(outcomes(record).values())} Pods: {title}the slowest", shown


def _order(pod: PodRun) -> tuple[int, float, str]:
    index = int(pod.index) if pod.index.isascii() and pod.index.isdigit() and len(pod.index) < 10 else 0
    return index, pod.created or 0.0, pod.name


def _columns(pod: PodRun, number: int) -> list[tuple[str, str]]:
    return [
        ("Pod", _ascii(short_pod(pod.name))),
        ("index", _ascii(pod.index)[:9]),
        ("try", str(number)),
        ("node", short_node(_ascii(pod.node)) or "none"),
        ("spot", "spot" if pod.spot else ""),
    ]


def _line(row: Row, widths: Sequence[int]) -> str:
    columns = " ".join(column.ljust(width) for column, width in zip(row.columns, widths, strict=True))
    return f"  {columns} [{row.bar}] {row.result}"


def _scale(seconds: float, width: int) -> str:
    end = duration_text(seconds)
    return "0" + end.rjust(width - 1) if len(end) < width - 1 else "0".ljust(width)


def _bar(pod: PodRun, record: Record, tries: dict[str, int], width: int, *, with_end: bool = True) -> str:
    """Return the phases as characters: at least one for each phase that took time, and for the running phase."""
    cells, length = [" "] * width, max(record.seconds, RESOLUTION)
    spans = shown_spans(pod, record, attempt=tries[pod.uid])

    def cell(time: float) -> int:
        return min(width - 1, max(0, int((time - record.created) / length * width)))

    first = last = 0
    for span in spans:
        first = min(width - 1, max(last, cell(span.start)))
        is_to_end = span.end > span.start and span.end >= record.ended
        last = min(width, max(first + 1, cell(span.end) + is_to_end))
        cells[first:last] = MARKS[span.phase] * (last - first)
    if with_end and pod.ended is not None and (mark := ENDS.get(pod.outcome)):
        if not spans:
            cells[cell(pod.ended)] = mark
        elif last - first == 1:  # one cell cannot show both
            at = min(first, width - 2)
            cells[at : at + 2] = [MARKS[spans[-1].phase], mark]
        else:
            cells[last - 1] = mark
    return "".join(cells)


def _groups(record: Record) -> list[tuple[str, list[PodRun]]]:
    """Return groups of Pods with the same outcome and their titles, failed Pods first."""
    groups: dict[str, list[PodRun]] = {}
    for pod in record.pods:
        groups.setdefault(_ascii(result_text(pod, record)), []).append(pod)
    found = sorted(groups.items(), key=lambda group: -len(group[1]))
    kept = found if len(found) <= MOST_GROUPS else found[: MOST_GROUPS - 1]
    rest = [pod for _, pods in found[len(kept) :] for pod in pods]
    kept.sort(key=lambda group: (ORDER.find(_end_mark(group[1])), -len(group[1])))
    return [*kept, ("others", rest)] if rest else kept


def _end_mark(pods: Sequence[PodRun]) -> str:
    """Return the mark of the worst outcome of these Pods; a space if it has no mark."""
    outcomes = {pod.outcome for pod in pods}
    return next((mark for outcome, mark in ENDS.items() if outcome in outcomes), " ")


def _group_line(
    title: str, pods: Sequence[PodRun], record: Record, label: int, width: int, tries: dict[str, int]
) -> str:
    """Return a line for Pods with the same outcome; the bar shows for each moment the phase of most of them."""
    words = f"{len(pods)} {title}"[:label]
    ranges = index_ranges((pod.index for pod in pods), label - len(words) - len(": "))
    words += f": {ranges}" if ranges else ""
    bars = [_bar(pod, record, tries, width, with_end=False) for pod in pods]
    cells = "".join(_most_common(column) for column in zip(*bars, strict=True))
    if (mark := _end_mark(pods)) != " " and (length := len(cells.rstrip())):
        cells = f"{cells[: length - 1]}{mark}{cells[length:]}"
    return f"  {words.ljust(label)} [{cells}] {_ran(pods, record, tries)}"


def _ran(pods: Sequence[PodRun], record: Record, tries: dict[str, int]) -> str:
    """Return the median running time of Pods, as text."""
    spans = [span for pod in pods for span in shown_spans(pod, record, attempt=tries[pod.uid])]
    running = [span.seconds for span in spans if span.phase is Phase.RUNNING]
    if not running:
        return ""
    return f"ran {duration_text(median(running))}{' (median)' if len(running) > 1 else ''}"


def _most_common(marks: tuple[str, ...]) -> str:
    found = [mark for mark in marks if mark != " "]
    return max(dict.fromkeys(found), key=found.count) if found else " "


def _legend(lines: Sequence[str], width: int) -> list[str]:
    bars = "".join(line.partition("[")[2].partition("]")[0] for line in lines[1:])
    parts = [f"{MARKS[phase]} {PHASE_TEXTS[phase]}" for phase in Phase if MARKS[phase] != " " and MARKS[phase] in bars]
    parts += [f"{mark} {words}" for mark, words in END_TEXTS.items() if mark in bars]
    return _wrapped(_together(", ".join(parts)), width, "  ") if parts else []


def _ascii(words: str) -> str:
    return words.encode("ascii", "backslashreplace").decode().replace("[", "(")

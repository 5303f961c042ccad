"""The timeline of a run as text for a task log: at most MOST_LINES lines of ASCII, whatever the number of Pods."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from gke_jobs.timeline.cost_words import cost_rows
from gke_jobs.timeline.phases import MARKS, WORDS, Phase, Span, attempts, job_seconds, pod_spans, slowest
from gke_jobs.timeline.record import Outcome, PodRun, Record
from gke_jobs.timeline.words import (
    clock,
    counts_text,
    index_ranges,
    median,
    phases_text,
    result_text,
    seconds_text,
    short_node,
    short_pod,
)

MOST_LINES = 31
MOST_ROWS = 12  # of Pods, each in a row of its own
MOST_SLOWEST = 4  # Pods that are shown beside the groups
MOST_GROUPS = 6
LINES_OF_WORDS = 2  # for each of cause, advice, times, numbers and what it cost
KEPT_SPACE = "\xa0"  # between two words that stay in one line
RESULT_CHARACTERS = 20
LEAST_BAR = 12
ENDS = {
    Outcome.FAILED: "x",
    Outcome.OUT_OF_MEMORY: "x",
    Outcome.PREEMPTED: "!",
    Outcome.EVICTED: "!",
    Outcome.REMOVED: "!",
}
END_WORDS = {"x": "failed", "!": "ended by others"}


@dataclass(frozen=True)
class Row:
    """A line of the timeline: columns of text, the bar, and how it ended."""

    columns: tuple[str, ...]
    bar: str
    result: str


def text(record: Record, width: int = 80) -> str:
    """Return the timeline, each line ended by a newline. The verdict is not in it: it is the last message of a run."""
    tries = attempts(record.pods)
    took = f"{record.outcome or 'not finished'} after {seconds_text(record.seconds)}"
    lines = [_ascii(f"timeline: {took}: Job {record.job}")[:width]]
    lines.append(f"  {clock(record.created)} to {clock(record.ended)} UTC"[:width])
    for name, words in (("cause", record.cause), ("advice", record.advice)) if record.status != 0 else ():
        lines += _wrapped(f"{name}: {_ascii(words)}", width) if words else []
    lines += _wrapped(f"time: {_together(phases_text(job_seconds(record)))}", width)
    lines += _wrapped(_together(counts_text(record, tries)), width)
    if record.pods:
        lines += _table(record, tries, width)
    for name, words in cost_rows(record):
        lines += _wrapped(_together(f"{name}: {_ascii(words)}"), width)
    return "".join(f"{line}\n" for line in lines)


def _together(words: str) -> str:
    """Return words that are only broken after a comma or a colon."""
    return re.sub(r"(?<![,:]) ", KEPT_SPACE, words)


def _wrapped(words: str, width: int, indent: str = "    ") -> list[str]:
    found = textwrap.wrap(
        words,
        width,
        initial_indent="  ",
        subsequent_indent=indent,
        max_lines=LINES_OF_WORDS,
        placeholder=" ...",
        break_on_hyphens=False,
    )
    return [line.replace(KEPT_SPACE, " ") for line in found]


def _table(record: Record, tries: dict[str, int], width: int) -> list[str]:
    is_grouped = len(record.pods) > MOST_ROWS
    shown = slowest(record)[:MOST_SLOWEST] if is_grouped else sorted(record.pods, key=_order)
    with_index = any(pod.index for pod in shown)
    with_try = any(tries[pod.uid] > 1 for pod in shown)
    with_spot = any(pod.spot for pod in shown)
    columns = {"Pod": True, "index": with_index, "try": with_try, "node": True, "spot": with_spot}
    heads = [name for name, is_there in columns.items() if is_there]
    cells = [[text for name, text in _columns(pod, tries[pod.uid]) if columns[name]] for pod in shown]
    results = [_ascii(result_text(pod))[:RESULT_CHARACTERS] for pod in shown]
    groups = _groups(record) if is_grouped else []
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    ends = [len(_ran(pods, record, tries)) for _, pods in groups] + [len(result) for result in results]
    space = sum(widths) + len(widths) + max(len("result"), *ends) + len("  [] ")
    bar = max(LEAST_BAR, width - space)
    head = Row(tuple(heads), _scale(record.seconds, bar), "result")
    rows = [
        Row(tuple(columns), _bar(pod_spans(pod, record, attempt=tries[pod.uid]), pod, record, bar), result)
        for pod, columns, result in zip(shown, cells, results, strict=True)
    ]
    lines = [_line(head, widths)]
    if is_grouped:
        label = sum(widths) + len(widths) - 1
        lines += [_group_line(title, pods, record, label, bar, tries) for title, pods in groups]
        lines.append("  the slowest:")
    lines += [_line(row, widths) for row in rows]
    return [line[:width].rstrip() for line in [*lines, *_legend(lines, width)]]


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
    end = seconds_text(seconds)
    return "0" + end.rjust(width - 1) if len(end) < width - 1 else "0".ljust(width)


def _bar(spans: Sequence[Span], pod: PodRun | None, record: Record, width: int) -> str:
    """Return the phases as characters, each phase that took time as at least one."""
    cells, length = [" "] * width, record.seconds
    if not length:
        return "".join(cells)

    def cell(time: float) -> int:
        return min(width - 1, max(0, int((time - record.created) / length * width)))

    last = 0
    for span in spans:
        first = max(last, cell(span.start))
        last = min(width, max(first + 1, cell(span.end) + (span.end >= record.ended)))
        cells[first:last] = MARKS[span.phase] * (last - first)
    if pod and pod.ended is not None and (mark := ENDS.get(pod.outcome)):
        cells[max(0, last - 1) if spans else cell(pod.ended)] = mark
    return "".join(cells)


def _groups(record: Record) -> list[tuple[str, list[PodRun]]]:
    groups: dict[str, list[PodRun]] = {}
    for pod in record.pods:
        groups.setdefault(_ascii(result_text(pod)), []).append(pod)
    found = sorted(groups.items(), key=lambda group: -len(group[1]))
    rest = [pod for _, pods in found[MOST_GROUPS - 1 :] for pod in pods]
    return found if len(found) <= MOST_GROUPS else [*found[: MOST_GROUPS - 1], ("others", rest)]


def _group_line(
    title: str, pods: Sequence[PodRun], record: Record, label: int, width: int, tries: dict[str, int]
) -> str:
    """Return a line for Pods that ended alike; the bar has for each moment the phase of most of them."""
    ranges = index_ranges(pod.index for pod in pods)
    words = f"{len(pods)} {title}" + (f": {ranges}" if ranges else "")
    bars = [_bar(pod_spans(pod, record, attempt=tries[pod.uid]), None, record, width) for pod in pods]
    cells = "".join(_commonest(column) for column in zip(*bars, strict=True))
    return f"  {words[:label].ljust(label)} [{cells}] {_ran(pods, record, tries)}"


def _ran(pods: Sequence[PodRun], record: Record, tries: dict[str, int]) -> str:
    """Return for how long Pods ran, the middle one of them."""
    spans = [span for pod in pods for span in pod_spans(pod, record, attempt=tries[pod.uid])]
    running = [span.seconds for span in spans if span.phase is Phase.RUNNING]
    return f"ran {seconds_text(median(running))}" if running else ""


def _commonest(marks: tuple[str, ...]) -> str:
    found = [mark for mark in marks if mark != " "]
    return max(dict.fromkeys(found), key=found.count) if found else " "


def _legend(lines: Sequence[str], width: int) -> list[str]:
    bars = "".join(line.partition("[")[2].partition("]")[0] for line in lines[1:])
    parts = [f"{MARKS[phase]} {WORDS[phase]}" for phase in Phase if MARKS[phase] != " " and MARKS[phase] in bars]
    parts += [f"{mark} {words}" for mark, words in END_WORDS.items() if mark in bars]
    return _wrapped(_together(", ".join(parts)), width, "  ") if parts else []


def _ascii(words: str) -> str:
    return words.encode("ascii", "backslashreplace").decode().replace("[", "(")

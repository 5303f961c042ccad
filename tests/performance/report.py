"""What was measured as Markdown tables, which are read as text too. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from performance.figures import percentile
from performance.goals import figures, values_of
from performance.ways import MEASURES, VERBS, WAYS

TITLES = {name: way.title for name, way in WAYS.items()}
ABSENT = ""
# The heading, and what the columns have; the one without a heading is of many Jobs.
TABLES = {
    "Times": ("submit_cold", "submit_warm", "line", "finish"),
    "From the begin of the task, imports included": ("start_cold", "start_warm"),
    "Costs": ("cpu", "wait_memory", "wait_cpu", "wait_requests"),
    "": ("many_finish", "many_requests", "many_cpu", "many_worker_memory"),
}
WITH_P95 = ("finish", "many_finish")


def text(measured: Mapping[str, Any]) -> str:
    """All tables, each with a heading."""
    jobs = f"{measured['about']['jobs']} deferred Jobs"
    sections = [("Goals", goals(measured))]
    sections += [(title or jobs, spreads(measured, columns)) for title, columns in TABLES.items()]
    sections += [("Requests of a whole run", requests(measured)), ("When things go wrong", outcomes(measured))]
    return "\n\n".join(f"### {title}\n\n{body}" for title, body in sections if body)


def goals(measured: Mapping[str, Any]) -> str:
    rows = []
    for goal, figure in figures(measured):
        limit = f"at least {goal.goal:g}" if goal.peers else f"at most {goal.goal:g} {goal.unit}".rstrip()
        met = "not measured" if figure is None else "yes" if goal.is_met(figure) else "no"
        shown = ABSENT if figure is None else f"{number(figure)} {goal.unit}".rstrip()
        floor = ABSENT if goal.floor is None else f"{goal.floor:g}"
        rows.append((goal.text, goal.statistic, limit, shown, met, floor))
    return table(("", "of all values", "goal", "measured", "met", "floor"), rows)


def spread(values: Sequence[float], *, p95: bool = False) -> str:
    """Median, and, of several values, least and most in parentheses."""
    if len(values) == 1:
        return number(values[0])
    more = f"; p95 {number(percentile(values, 95))}" if p95 else ""
    return f"{number(median(values))} ({number(min(values))} to {number(max(values))}{more})"


def spreads(measured: Mapping[str, Any], measures: Sequence[str]) -> str:
    """A row for each way, a column for each measure that has values."""
    found = {measure: values_of(measured, measure) for measure in measures}
    columns = [measure for measure in measures if found[measure]]
    rows = [
        (
            TITLES[name],
            *(spread(found[each][name], p95=each in WITH_P95) if name in found[each] else "" for each in columns),
        )
        for name in WAYS
        if any(name in found[each] for each in columns)
    ]
    head = (f"{MEASURES[each][0]}, {MEASURES[each][1]}" for each in columns)
    return table(("median (min to max)", *head), rows) if rows else ""


def requests(measured: Mapping[str, Any]) -> str:
    """Medians by verb."""
    verbs = [*VERBS, "any"]
    rows = [
        (TITLES[name], *(number(median(measured["requests"][verb][name])) for verb in verbs))
        for name in values_of(measured, "requests")
    ]
    return table(("median", *VERBS, "all"), rows) if rows else ""


def outcomes(measured: Mapping[str, Any]) -> str:
    """A row for each way, a column for each case: the states of its tasks, and how late they came."""
    cases = list(dict.fromkeys(outcome["case"] for outcome in measured["outcomes"]))
    rows = []
    for name in WAYS:
        cells = [
            _outcome([each for each in measured["outcomes"] if (each["case"], each["way"]) == (case, name)])
            for case in cases
        ]
        if any(cells):
            rows.append((TITLES[name], *cells))
    return table(("", *map(_case, cases)), rows) if rows else ""


def _case(name: str) -> str:
    kind, _, seconds = name.partition(" ")
    return f"API server away for {seconds} s" if seconds else {"fails": "Job fails", "deleted": "Job is deleted"}[kind]


def _outcome(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """One state, and the median of its seconds."""
    if not outcomes:
        return ABSENT
    states = {outcome["state"] for outcome in outcomes}
    seconds = [outcome["seconds"] for outcome in outcomes if outcome["seconds"] is not None]
    if not seconds:
        return "does not end"
    early = any(outcome["before"] for outcome in outcomes)
    since = f"after the server went away; the Job is then {outcomes[0]['job']}" if early else "later"
    return f"{', '.join(sorted(states))} {number(median(seconds))} s {since}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown with aligned columns."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    lines.insert(1, " | ".join("-" * max(3, width) for width in widths))
    return "\n".join(f"| {line} |" for line in lines)


def number(value: float) -> str:
    """Two digits that count, and no more than three."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"

"""The report of a run: one HTML file that needs no script and no network.

All text from the cluster is escaped.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path

from gke_jobs.timeline.chart import chart, cut
from gke_jobs.timeline.cost import cost_of
from gke_jobs.timeline.cost_text import cost_rows
from gke_jobs.timeline.details import Details, links
from gke_jobs.timeline.formatting import clock, counts_text, duration_text, outcomes, result_text, seconds_text
from gke_jobs.timeline.phases import (
    PHASE_TEXTS,
    Phase,
    attempts,
    job_seconds,
    job_spans,
    pod_seconds,
    shown_spans,
    slowest,
)
from gke_jobs.timeline.record import NOT_FINISHED, SUCCEEDED, Outcome, PodRun, Record

MOST_BYTES = 1 << 20
MOST_PODS = 1000
MOST_TEXT = 100_000  # bytes each of the diagnosis, all logs, all events: with 1,000 Pods less than MOST_BYTES
CSS = Path(__file__).with_name("page.css")
# The policy blocks scripts and requests, whatever a text contains.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
LEGEND = (Phase.QUEUED, Phase.WAITING, Phase.PREPARING, Phase.PULLING, Phase.RUNNING)


def html(record: Record, details: Details | None = None) -> str:
    """Return the report, of less than MOST_BYTES: of too many Pods, it has the slowest and those that failed."""
    shown = MOST_PODS
    while len((page := _page(record, details or Details(), shown)).encode()) >= MOST_BYTES and shown > 1:
        shown //= 2
    return page


def write_page(file: Path, page: str) -> None:
    """Write a report. OSError if it cannot be written: the file is then empty, never a partial report."""
    try:
        file.write_text(page, encoding="utf-8")
    except OSError:
        with suppress(OSError):
            os.truncate(file, 0)
        raise


def _page(record: Record, details: Details, most: int) -> str:
    pods = _shown(record, most)
    total = sum(outcomes(record).values())
    left_out = f"<p>{total - len(pods)} of {total} Pods are not shown.</p>" if total > len(pods) else ""
    parts = [
        _head(record),
        _why(record),
        _phases(record),
        _timeline(record, pods, left_out),
        _cost(record),
        _about(record),
        _resources(record),
        _diagnosis(details),
        _events(details),
        _logs(details),
        _pods(record, pods),
    ]
    title = f"{cut(record.job)}: {cut(record.outcome)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{CSS.read_text()}</style></head>\n<body>{''.join(parts)}\n"
        f'<p class="soft">gke-job {cut(record.version)}; all times in UTC, with the resolution of Kubernetes</p>'
        "</body></html>\n"
    )


def _timeline(record: Record, pods: Sequence[PodRun], left_out: str) -> str:
    if not pods:
        return ""
    hint = '<p class="narrow soft">The drawing is wider than the window: it scrolls to the right.</p>'
    drawing = f'<div class="scroll" tabindex="0" role="group" aria-label="Drawing">{chart(record, pods)}</div>'
    return f"<h2>Timeline</h2>{_legend()}{left_out}{hint}{drawing}"


def _shown(record: Record, most: int) -> list[PodRun]:
    pods = list(record.pods)
    if len(pods) > most:
        pods = sorted(slowest(record), key=lambda pod: pod.outcome is Outcome.SUCCEEDED)[:most]
    return sorted(pods, key=_order)


def _order(pod: PodRun) -> tuple[int, float, str]:
    return int(pod.index) if pod.index.isdecimal() and len(pod.index) < 10 else 0, pod.created or 0.0, pod.name


def _head(record: Record) -> str:
    kind = {SUCCEEDED: " good", NOT_FINISHED: ""}.get(record.outcome, " bad")
    total, tries = duration_text(record.seconds), attempts(record.pods)
    addresses = "".join(
        f' <a href="{escape(address, quote=True)}">{escape(text)}</a>' for text, address in links(record)
    )
    counts = outcomes(record)
    numbers = [
        (total, "from creation to end"),
        (str(pods := sum(counts.values())), "Pod" if pods == 1 else "Pods"),
        (str(retries := sum(number > 1 for number in tries.values())), "retry" if retries == 1 else "retries"),
        (str(counts[Outcome.PREEMPTED]), "preempted"),
        (str(counts[Outcome.EVICTED]), "evicted"),
        (str(sum(pod.oom_kills for pod in record.pods)), "out of memory"),
    ]
    cost = cost_of(record)
    if cost is not None and cost.is_known:
        numbers.append((f"{cost.total} {cost.currency}", "cost"))
        numbers += [(f"{cost.wasted} {cost.currency}", "of it wasted")] * bool(cost.wasted)
    items = "".join(f"<li><b>{number}</b>{words}</li>" for number, words in numbers if number != "0")
    return (
        f'<header><h1>Job {cut(record.job)} <span class="badge{kind}">{cut(record.outcome)}</span></h1>'
        f'<p class="soft">{clock(record.created)} to {clock(record.ended)} UTC{addresses}</p></header>'
        f'<ul class="numbers">{items}</ul>'
    )


def _why(record: Record) -> str:
    found = [("Verdict", record.reason), ("Cause", record.cause), ("Advice", record.advice)]
    return _section("Why", _list((name, words) for name, words in found if words)) if record.status != 0 else ""


def _cost(record: Record) -> str:
    rows = _list((name.capitalize(), words) for name, words in cost_rows(record))
    caption = '<p class="soft">The time in which the containers ran, by the prices of the team for a Pod and hour.</p>'
    return _section("Cost", f"{caption}{rows}" if rows else "")


def _list(rows: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{escape(name)}</dt><dd>{cut(words, 1024)}</dd>" for name, words in rows if words)
    return f"<dl>{items}</dl>" if items else ""


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>" if content else ""


def _phases(record: Record) -> str:
    whole, of_pods = job_seconds(record), pod_seconds(record)
    bar = "".join(f'<i class="{span.phase.value}" style="flex:{span.seconds:.3f}"></i>' for span in job_spans(record))
    if not bar and any(pod.started is not None for pod in record.pods):
        bar = f'<i class="{Phase.RUNNING.value}" style="flex:1"></i>'
    rows = "".join(
        f'<tr><th scope="row"><i class="{phase.value}"></i>{PHASE_TEXTS[phase]}</th>'
        f'<td class="number">{seconds_text(seconds)}</td>'
        f'<td class="number">{seconds_text(of_pods[phase]) if phase in of_pods else ""}</td></tr>'
        for phase, seconds in whole.items()
        if seconds or of_pods.get(phase)
    )
    return _section(
        "Phases",
        f'<div class="whole" aria-hidden="true">{bar}</div><table><caption>At each moment the Job is in the phase of '
        f'its Pod with the {"least" if record.gang else "most"} progress.</caption><tr><th scope="col">phase</th>'
        '<th scope="col" class="number">Job</th>'
        f'<th scope="col" class="number">all Pods together</th></tr>{rows}</table>'
        f"<p>{escape(counts_text(record, attempts(record.pods)))}</p>",
    )


def _legend() -> str:
    items = "".join(f'<li><i class="{phase.value}"></i>{PHASE_TEXTS[phase]}</li>' for phase in LEGEND)
    return f'<ul class="legend">{items}<li>&#10005; failed</li><li>&#9670; preempted, evicted or removed</li></ul>'


def _about(record: Record) -> str:
    who = record.identity
    rows = [
        ("Job", record.job),
        ("Namespace", record.namespace),
        ("Cluster", record.cluster),
        ("uid", record.uid),
        ("Profile", who.profile),
        ("Airflow environment", who.environment),
        ("DAG", who.dag_id),
        ("Task", who.task_id),
        ("Run", who.run_id),
        ("Map index", "" if who.map_index == "-1" else who.map_index),
        ("Try", who.try_number),
        ("Logs printed", f"{record.log_bytes} bytes" if record.log_bytes else ""),
    ]
    return _section("Run", _list(rows))


def _resources(record: Record) -> str:
    rows = [(one.container, one.image, one.requests, one.limits) for one in record.resources]
    return _section("Resources asked for", _table(("container", "image", "requests", "limits"), rows))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], most: int = 1024) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cut(cell, most)}</td>' for cell in row)}</tr>" for row in rows)
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>' if body else ""


def fitted(words: str, most: int) -> str:
    """Return text for HTML, cut to so many bytes there: a letter may take up to six."""
    while (size := len((shown := escape(words, quote=True)).encode())) > most:
        words = words[: len(words) * most // size]
    return shown


def _diagnosis(details: Details) -> str:
    return _section("Diagnosis", f"<pre>{fitted(details.diagnosis, MOST_TEXT)}</pre>" if details.diagnosis else "")


def _events(details: Details) -> str:
    heads, room, rows = ("time (UTC)", "object", "reason", "message", "times"), MOST_TEXT, []
    for one in reversed(details.events):
        row = (one.time, one.about, one.reason, one.message, str(one.count))
        room -= sum(len(escape(cell, quote=True).encode()) for cell in row)
        if room >= 0:
            rows.append(row)
    return _section("Events, the newest first", _table(heads, rows))


def _logs(details: Details) -> str:
    parts, room = [], MOST_TEXT
    for title, lines in details.logs:
        words = fitted("\n".join(lines), room)
        room -= len(words.encode())
        parts.append(f"<details open><summary>{cut(title)}</summary><pre>{words}</pre></details>")
    return _section("Ends of logs", "".join(parts))


def _pods(record: Record, pods: Sequence[PodRun]) -> str:
    tries = attempts(record.pods)
    heads = ("Pod", "index", "try", "node", "spot", "result", *(PHASE_TEXTS[phase] for phase in LEGEND))
    return _section("Pods", _table(heads, (_pod_row(pod, record, tries[pod.uid]) for pod in pods), 63))


def _pod_row(pod: PodRun, record: Record, number: int) -> Sequence[str]:
    seconds = {span.phase: span.seconds for span in shown_spans(pod, record, attempt=number)}
    times = (duration_text(seconds[phase]) if phase in seconds else "" for phase in LEGEND)
    return (pod.name, pod.index, str(number), pod.node, "yes" if pod.spot else "", result_text(pod, record), *times)

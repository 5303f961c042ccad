"""The summary of a run: one JSON object in a line of stderr, after MARK. summary.schema.json describes it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from gke_jobs.json_access import Json
from gke_jobs.plain_text import json_line
from gke_jobs.timeline.cost import cost_of
from gke_jobs.timeline.formatting import clock, outcomes, shortened
from gke_jobs.timeline.phases import attempts, job_seconds, pod_seconds
from gke_jobs.timeline.record import Outcome, Record

MARK = "gke-job-summary: "
STAMP = "%Y-%m-%dT%H:%M:%SZ"
MOST_CODES = 20  # different exit codes
MOST_CHARACTERS = 300  # of reason and cause


def summary(record: Record) -> dict[str, Json]:
    """Return the summary."""
    counts, tries, cost = outcomes(record), attempts(record.pods), cost_of(record)
    codes = Counter(pod.exit_code for pod in record.pods if pod.exit_code is not None)
    return {
        "version": record.version,
        "job": record.job,
        "namespace": record.namespace,
        "uid": record.uid,
        "cluster": record.cluster,
        **asdict(record.identity),
        "outcome": record.outcome,
        "exit_code": record.status,
        "reason": shortened(record.reason, MOST_CHARACTERS),
        "cause": shortened(record.cause, MOST_CHARACTERS),
        "created": clock(record.created, STAMP),
        "ended": clock(record.ended, STAMP),
        "seconds": _rounded(record.seconds),
        "phases": {phase.value: _rounded(seconds) for phase, seconds in job_seconds(record).items()},
        "pod_seconds": {phase.value: _rounded(seconds) for phase, seconds in pod_seconds(record).items()},
        "pods": sum(counts.values()),
        "pods_by_outcome": {outcome.name.lower(): count for outcome, count in counts.items()},
        "retries": sum(number > 1 for number in tries.values()),
        "attempts": max(tries.values(), default=0),
        "restarts": sum(pod.restarts for pod in record.pods),
        "preemptions": counts[Outcome.PREEMPTED],
        "evictions": counts[Outcome.EVICTED],
        "oom_kills": sum(pod.oom_kills for pod in record.pods),
        "spot_pods": sum(pod.spot for pod in record.pods),
        "nodes": len({pod.node for pod in record.pods if pod.node}),
        "exit_codes": {str(code): count for code, count in codes.most_common(MOST_CODES)},
        "log_bytes": record.log_bytes,
        **({} if cost is None else {"cost": cost.to_json()}),
    }


def summary_line(record: Record) -> str:
    """Return the line, without its newline: printable text that opens no group of Airflow's log view."""
    return MARK + json_line(summary(record))


def _rounded(seconds: float) -> float:
    return round(seconds, 3)

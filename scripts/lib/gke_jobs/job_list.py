"""The Jobs of the toolkit, with the task that each runs for.

command.py job-list CONNECTION --namespace NAME [--json] [--unreachable-timeout SECONDS] -- PROXY
prints a table, or one line with a JSON list of objects.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from datetime import datetime, timezone

from gke_jobs import labels
from gke_jobs.connection import jobs_path
from gke_jobs.json_access import Json, at, dict_at, text_at, true_conditions
from gke_jobs.messages import ERROR, ScriptError, log
from gke_jobs.options import take_connection
from gke_jobs.plain_text import duration, json_line, one_line, parse_time
from gke_jobs.reads import UNREACHABLE_SECONDS, Reader

COLUMNS = "{:<50} {:<10} {:>14}  {:<14} {}"
OWNER = {  # as identity.Run has them
    "environment": labels.AIRFLOW_ENVIRONMENT,
    "dag_id": labels.DAG_ID,
    "task_id": labels.TASK_ID,
    "run_id": labels.RUN_ID,
    "map_index": labels.MAP_INDEX,
    "detached": labels.DETACHED,
}


def describe(job: Json, now: datetime) -> dict[str, str]:
    """Return the description of one Job, all of it text as it is in the Job, '' for what it lacks."""
    metadata = dict_at(job, "metadata")
    annotations = dict_at(metadata, "annotations")
    created = parse_time(metadata.get("creationTimestamp"))
    told = {
        "job": text_at(metadata, "name"),
        "namespace": text_at(metadata, "namespace"),
        "uid": text_at(metadata, "uid"),
        "state": state(job),
        "age": duration(created, now) if created else "",
        "profile": text_at(annotations, labels.PROFILE),
    }
    return told | {key: text_at(annotations, label) for key, label in OWNER.items()}


def state(job: Json) -> str:
    """Return Complete, Failed, Suspended, Deleting, Running or Pending."""
    conditions = true_conditions(job)
    for word in ("Complete", "Failed", "Suspended"):
        if word in conditions:
            return word
    if at(job, "metadata", "deletionTimestamp"):
        return "Deleting"
    return "Running" if at(job, "status", "ready") else "Pending"


def owner(job: dict[str, str]) -> str:
    """Return the task instance of a described Job as text, `by hand` where there is none."""
    if not job["dag_id"]:
        return "by hand"
    index = "" if job["map_index"] in ("-1", "") else f"[{job['map_index']}]"
    return f"{job['environment']}: {job['dag_id']} {job['task_id']}{index} {job['run_id']}"


def table(jobs: Iterable[dict[str, str]]) -> str:
    """Return described Jobs as lines of text."""
    rows = [("JOB", "STATE", "AGE", "PROFILE", "TASK")]
    rows += [(job["job"], job["state"], job["age"], job["profile"], owner(job)) for job in jobs]
    return "".join(f"{COLUMNS.format(*map(one_line, row)).rstrip()}\n" for row in rows)


def main() -> int:
    """Print the list."""
    try:
        connection, words = take_connection(sys.argv[1:])
        parser = argparse.ArgumentParser(allow_abbrev=False)
        parser.add_argument("--namespace", required=True)
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--unreachable-timeout", type=float, default=UNREACHABLE_SECONDS)
        options = parser.parse_args(words)
        reader = Reader(connection=connection, unreachable_seconds=options.unreachable_timeout)
        query = {"labelSelector": f"{labels.MANAGED_BY}={labels.MANAGER}"}
        found = reader.list("list the Jobs", jobs_path(options.namespace), query)
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    now = datetime.now(timezone.utc)
    jobs = [describe(job, now) for job in sorted(found, key=lambda job: text_at(job, "metadata", "creationTimestamp"))]
    if not jobs:
        log(f"namespace {one_line(options.namespace)} has no Jobs of the toolkit")
    print(f"{json_line(jobs)}\n" if options.json else table(jobs), end="")
    return 0

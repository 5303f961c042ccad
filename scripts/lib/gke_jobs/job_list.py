"""The Jobs of the toolkit, with the task that each runs for.

`kubectl get jobs --output json | job_list.py [--json]` prints a table, or one line with a JSON list of objects.
`job_list.py --names <FILE` reads such a list and prints NAME NAMESPACE UID, a line a Job.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import Any

from gke_jobs.plain_text import duration, parse_time

COLUMNS = "{:<50} {:<10} {:>14}  {:<14} {}"
OWNER = ("environment", "dag_id", "task_id", "run_id", "map_index")  # as identity.Run has them


def describe(job: dict[str, Any], now: datetime) -> dict[str, str]:
    """Return what is told of one Job, all of it text."""
    metadata = job["metadata"]
    annotations = metadata.get("annotations", {})
    told = {
        "job": metadata["name"],
        "namespace": metadata["namespace"],
        "uid": metadata["uid"],
        "state": state(job),
        "age": duration(parse_time(metadata["creationTimestamp"]), now),
        "profile": annotations.get("gke-job/profile", ""),
    }
    names = ("airflow-environment", "dag-id", "task-id", "run-id", "map-index")
    return told | {key: annotations.get(f"gke-job/{name}", "") for key, name in zip(OWNER, names, strict=True)}


def state(job: dict[str, Any]) -> str:
    """Return Complete, Failed, Suspended, Deleting, Running or Pending."""
    status = job.get("status", {})
    conditions = {c["type"] for c in status.get("conditions", []) if c["status"] == "True"}
    for word in ("Complete", "Failed", "Suspended"):
        if word in conditions:
            return word
    if "deletionTimestamp" in job["metadata"]:
        return "Deleting"
    return "Running" if status.get("ready") else "Pending"


def owner(job: dict[str, str]) -> str:
    """Return the task instance of a described Job as text, `by hand` where there is none."""
    if not job["dag_id"]:
        return "by hand"
    index = "" if job["map_index"] == "-1" else f"[{job['map_index']}]"
    return f"{job['environment']}: {job['dag_id']} {job['task_id']}{index} {job['run_id']}"


def main() -> None:
    """Read a list on stdin, print it on stdout."""
    if sys.argv[1:] == ["--names"]:
        for job in json.load(sys.stdin):
            print(job["job"], job["namespace"], job["uid"])
        return
    now = datetime.now(timezone.utc)
    items = sorted(json.load(sys.stdin)["items"], key=lambda job: job["metadata"]["creationTimestamp"])
    jobs = [describe(job, now) for job in items]
    if sys.argv[1:] == ["--json"]:
        print(json.dumps(jobs, separators=(",", ":")))
        return
    print(COLUMNS.format("JOB", "STATE", "AGE", "PROFILE", "TASK"))
    for job in jobs:
        print(COLUMNS.format(job["job"], job["state"], job["age"], job["profile"], owner(job)))

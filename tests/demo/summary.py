"""Prints what the last run of train_model did: each Job with its stages, and what the task `report` returned.

`python summary.py AIRFLOW_DB` reads the Jobs with kubectl from its current context, and the XCom from Airflow's
SQLite database. Exit code: 0 if the run succeeded, otherwise 1.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

COLUMNS = "{:<10} {:<36} {:<14} {:>8} {:>9} {:>8}  {}"


def get(resource: str) -> list[dict[str, Any]]:
    """All objects of a kind, as the API returns them."""
    done = subprocess.run(
        ["kubectl", "get", resource, "--output", "json"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True
    )
    return json.loads(done.stdout)["items"]


def seconds(start: str, end: str) -> str:
    """The time between two timestamps of the API, which are whole seconds."""
    begun, ended = (datetime.fromisoformat(stamp.replace("Z", "+00:00")) for stamp in (start, end))
    return f"{(ended - begun).total_seconds():.0f} s"


def stages(pod: dict[str, Any]) -> tuple[str, str, str]:
    """How long a finished Pod waited for a node, for its container to start, and ran."""
    scheduled = next(c["lastTransitionTime"] for c in pod["status"]["conditions"] if c["type"] == "PodScheduled")
    ran = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    return (
        seconds(pod["metadata"]["creationTimestamp"], scheduled),
        seconds(scheduled, ran["startedAt"]),
        seconds(ran["startedAt"], ran["finishedAt"]),
    )


def outcome(job: dict[str, Any]) -> str:
    """The condition that ended a Job."""
    conditions = [c["type"] for c in job["status"].get("conditions", []) if c["status"] == "True"]
    return next((c for c in conditions if c in ("Complete", "Failed")), "unfinished")


def print_jobs() -> None:
    """A line for each Job, oldest first."""
    pools = {n["metadata"]["name"]: n["metadata"]["labels"]["cloud.google.com/gke-nodepool"] for n in get("nodes")}
    pods = {pod["metadata"]["labels"]["job-name"]: pod for pod in get("pods")}
    print(COLUMNS.format("task", "Job", "node pool", "queued", "starting", "running", "outcome"))
    for job in sorted(get("jobs"), key=lambda job: job["metadata"]["creationTimestamp"]):
        name, task = job["metadata"]["name"], job["metadata"]["annotations"]["gke-job/task-id"]
        pool, times = "", ("", "", "")
        if outcome(job) == "Complete":
            pool, times = pools[pods[name]["spec"]["nodeName"]], stages(pods[name])
        print(COLUMNS.format(task, name, pool, *times, outcome(job)))


def last_results(database: str | Path) -> tuple[str, dict[str, Any]]:
    """The state of the newest DAG run, and what each of its tasks returned, by its id."""
    with sqlite3.connect(database) as connection:
        run_id, state = connection.execute("SELECT run_id, state FROM dag_run ORDER BY id DESC LIMIT 1").fetchone()
        returned = connection.execute(
            "SELECT task_id, CAST(value AS TEXT) FROM xcom WHERE run_id = ? AND key = 'return_value'", (run_id,)
        ).fetchall()
    return state, {task: json.loads(value) for task, value in returned}


def main() -> int:
    print()
    print_jobs()
    state, results = last_results(sys.argv[1])
    print(f"\nDAG run: {state}\nXCom of report: {json.dumps(results.get('report'))}")
    return 0 if state == "success" else 1


if __name__ == "__main__":
    sys.exit(main())

"""Orphan cleanup: deletes, every hour, Jobs that run although their task has ended."""

from __future__ import annotations

from datetime import datetime, timezone

from gke_job import GkeCluster, ReapGkeJobs

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.models.param import Param

with DAG(
    "reap_jobs",
    description="Orphan cleanup: deletes, every hour, Jobs that run although their task has ended",
    tags=["gke_job"],
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={
        **GkeCluster.params(),
        "namespace": Param("default", type="string"),
        "dry_run": Param(True, type="boolean", description="Only log which Jobs would be deleted"),
    },
    doc_md="""
### Deletes Jobs that no task waits for

When a worker dies, its Job continues for the next try. Without a next try the Job would run to its end. This DAG
deletes the Jobs of this Airflow environment whose task instance has ended. Read the log of some runs, then set
`dry_run` to false.
""",
):
    ReapGkeJobs(
        task_id="reap",
        cluster=GkeCluster.from_params(),
        namespace="{{ params.namespace }}",
        dry_run="{{ params.dry_run }}",
    )

"""Deletes, every hour, Jobs that run although their task is over."""

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
    description="Deletes, every hour, Jobs that run although their task is over",
    tags=["gke_job"],
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={
        **GkeCluster.params(),
        "namespace": Param("default", type="string"),
        "dry_run": Param(True, type="boolean", description="Only say in the log what would be deleted"),
    },
    doc_md="""
### Deletes Jobs that nobody waits for

A worker that dies leaves its Job to the next try. Where none comes the Job runs on, and this DAG deletes it: the
Jobs of this Airflow environment whose task instance is over. Look at the log of some runs, then set `dry_run` to false.
""",
):
    ReapGkeJobs(
        task_id="reap",
        cluster=GkeCluster.from_params(),
        namespace="{{ params.namespace }}",
        dry_run="{{ params.dry_run }}",
    )

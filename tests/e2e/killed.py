"""DAGs whose Jobs run until they are ended by test_kills.py or test_workers.py."""

from __future__ import annotations

import os
from datetime import timedelta

from gke_job import GkeJobOperator, ReapGkeJobs

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

TASKS = {
    "marked_failed": {"retries": 1},
    "marked_success": {"retries": 1},
    "cleared": {},
    "timed_out": {"retries": 1, "execution_timeout": timedelta(seconds=45)},
    "took_too_long": {"timeout": 30},
    "worker_stopped": {"retries": 1},
    "worker_stopped_without_a_next_try": {},
    "worker_stopped_where_kills_delete": {"retries": 1, "on_kill_action": "delete"},
    "supervisor_killed": {"retries": 1},
    "task_killed": {"retries": 1},
    "kept": {"on_kill_action": "keep"},
    "run_timed_out": {"retries": 1},
    "worker_replaced": {"retries": 1, "queue": "replaced"},
    "worker_replaced_without_a_next_try": {"queue": "replaced"},
    "worker_killed": {"retries": 1, "queue": "killed"},
}

for name, arguments in TASKS.items():
    limit = timedelta(seconds=90) if name == "run_timed_out" else None
    with DAG(name, schedule=None, is_paused_upon_creation=False, dagrun_timeout=limit):
        GkeJobOperator(
            task_id="job",
            template="batch-job",
            namespace=os.environ["NAMESPACE"],
            values={
                "image": "busybox:1.37",
                "command": ["sh", "-c", "echo with $TOKEN; sleep 600"],
                "env": {"TOKEN": "hunter2-in-it"},
                "run_as_user": 65532,
                "termination_grace_seconds": 1,
            },
            retry_delay=timedelta(0),
            **arguments,
        )

for name in ("reaps", "reaps_after_a_worker", "reaps_after_a_triggerer"):
    with DAG(name, schedule=None, is_paused_upon_creation=False):
        ReapGkeJobs(task_id="reap", namespace=os.environ["NAMESPACE"], dry_run=False)

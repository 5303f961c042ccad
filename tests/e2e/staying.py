"""DAGs whose Jobs run until SIGTERM, and then succeed; meanwhile test_restarts.py restarts parts of Airflow."""

from __future__ import annotations

import os
from datetime import timedelta

from gke_job import GkeJobOperator

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.decorators import task

END = "echo 42 >/dev/termination-log; echo the last line; exit 0"

for name, deferrable in {"stays_waiting": False, "stays_deferred": True, "stays_alone": True}.items():
    with DAG(name, schedule=None, is_paused_upon_creation=False):
        GkeJobOperator(
            task_id="job",
            template="batch-job",
            namespace=os.environ["NAMESPACE"],
            values={
                "image": "busybox:1.37",
                "command": ["sh", "-c", f"trap '{END}' TERM; echo the first line; sleep 600 & wait", name],
                "retries": 0,
                "termination_grace_seconds": 1,
            },
            deferrable=deferrable,
            retries=1,
            retry_delay=timedelta(0),
        )


@task
def nothing() -> None:
    """Do nothing; the task runs only if the scheduler works."""


with DAG("waits_for_the_scheduler", schedule=None, is_paused_upon_creation=False):
    nothing()

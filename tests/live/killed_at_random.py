"""A DAG of tasks that wait for their Jobs in a worker and in a triggerer, both of which random_kills.py kills."""

from __future__ import annotations

import os
from datetime import timedelta

from gke_job import GkeJobOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

TASKS = int(os.environ["RANDOM_KILLS_TASKS"])
LONGEST = 60  # seconds of a Job: longer than Airflow waits for the heartbeat of a task

with DAG("killed_at_random", schedule=None, is_paused_upon_creation=False, max_active_runs=100):
    for number in range(TASKS):
        GkeJobOperator(
            task_id=f"job_{number}",
            template="batch-job",
            namespace=os.environ["NAMESPACE"],
            values={
                "image": "busybox:1.37",
                "command": ["sh", "-c", f"sleep {2 + LONGEST * number // TASKS}; echo {number} >/dev/termination-log"],
                "retries": 0,
                "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
            },
            deferrable=number % 2 == 1,
            logging_interval=5,  # so that deferred tasks often need a worker
            retries=1000,
            retry_delay=timedelta(0),
        )

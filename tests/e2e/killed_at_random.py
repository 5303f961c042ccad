"""A DAG whose tasks wait for their Jobs in a worker or in a triggerer; random_kills.py kills both."""

from __future__ import annotations

import os
from datetime import timedelta

from gke_job import GkeJobOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

TASKS = int(os.environ["RANDOM_KILLS_TASKS"])

with DAG("killed_at_random", schedule=None, is_paused_upon_creation=False, max_active_runs=100):
    for number in range(TASKS):
        seconds = 3 if number < 2 else 3600
        GkeJobOperator(
            task_id=f"job_{number}",
            template="batch-job",
            namespace=os.environ["NAMESPACE"],
            values={
                "image": "busybox:1.37",
                # Some end after 3 seconds, the others when random_kills.py sends them SIGTERM.
                "command": [
                    "sh",
                    "-c",
                    f"trap 'exit 0' TERM; echo {number} >/dev/termination-log; sleep {seconds} & wait",
                    "{{ run_id }}",
                ],
                "retries": 0,
                "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
            },
            deferrable=number % 2 == 1,
            logging_interval=5,  # so that deferred tasks often need a worker
            retries=1000,
            retry_delay=timedelta(0),
        )

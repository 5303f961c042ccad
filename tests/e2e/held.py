"""DAGs of deferred tasks whose first try ends while a worker runs it; test_workers.py checks the outcome."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from gke_job import GkeJobOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

QUEUES = {"stopped": "default", "marked": "default", "replaced": "replaced", "killed": "killed"}
ENDS, LASTS = "sleep 5; echo a line of the log; echo 42 >/dev/termination-log", "sleep 600"
HELD = Path(os.environ["AIRFLOW_HOME"], "held")  # a copy of tests/e2e/held

for held in ("submission", "check"):
    for how, queue in QUEUES.items():
        with DAG(f"{how}_in_{held}", schedule=None, is_paused_upon_creation=False):
            GkeJobOperator(
                task_id="job",
                template="batch-job",
                namespace=os.environ["NAMESPACE"],
                values={
                    "image": "busybox:1.37",
                    "command": ["sh", "-c", LASTS if how == "marked" else ENDS],
                    "termination_grace_seconds": 1,
                },
                deferrable=True,
                logging_interval=1,
                queue=queue,
                retries=1,
                retry_delay=timedelta(0),
                env={"HELD": held, "PATH": f"{HELD}:{os.environ['PATH']}"},
                append_env=True,
            )

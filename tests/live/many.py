"""Many Jobs that do nothing but last, waited for in two ways; slots.py measures them."""

from __future__ import annotations

import os

from gke_job import GkeJobOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

JOB = {
    "template": "batch-job",
    "namespace": os.environ["NAMESPACE"],
    "values": {
        "image": "busybox:1.37",
        "command": ["sleep", os.environ["SLOTS_SECONDS"]],
        "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
    },
}

with DAG("waiting", schedule=None, is_paused_upon_creation=False):
    for number in range(int(os.environ["SLOTS_JOBS"])):
        GkeJobOperator(task_id=f"job_{number}", **JOB)

with DAG("deferred", schedule=None, is_paused_upon_creation=False):
    for number in range(int(os.environ["SLOTS_JOBS"])):
        GkeJobOperator(task_id=f"job_{number}", deferrable=True, **JOB)

"""DAGs for the tests of Airflow's UI in test_ui.py."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

CLUSTER = GkeCluster(
    project=os.environ["LOCALGKE_PROJECT"],
    location=os.environ["LOCALGKE_LOCATION"],
    name=os.environ["LOCALGKE_CLUSTER"],
)


class OfATeam(GkeJobOperator):
    """A subclass of GkeJobOperator, as a team may write it."""


def job(shell_command: str, **others: Any) -> dict[str, Any]:
    """Return the arguments of a task whose Job runs a shell command."""
    values = {"image": "busybox:1.37", "command": ["sh", "-c", shell_command], "retries": 0}
    return {"template": "batch-job", "cluster": CLUSTER, "values": values, **others}


with DAG("seen", schedule=None, is_paused_upon_creation=False, default_args={"retry_delay": timedelta(0)}):
    GkeJobOperator(task_id="linked", doc_md="### What this task is for", **job("echo a line of a Pod"))
    GkeJobOperator(task_id="without_cluster", **job("true", cluster=None))
    OfATeam(task_id="derived", **job("true"))
    GkeJobOperator(task_id="failing", **job("echo a line of a Pod; exit 3"))
    GkeJobOperator(task_id="deferred", deferrable=True, **job("echo first line; sleep 2; echo last line"))
    GkeJobOperator.partial(
        task_id="mapped", map_index_template="seed {{ task.map_values['env']['SEED'] }}", **job("echo with $SEED")
    ).expand(map_values=[{"env": {"SEED": seed}} for seed in ("7", "8")])

with DAG("held", schedule=None, is_paused_upon_creation=False):
    GkeJobOperator(task_id="held", **job("echo a line of a Pod; sleep 600"))

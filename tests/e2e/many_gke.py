"""The Jobs of many.py with deferred GKEStartJobOperator, of Google's Airflow provider."""

from __future__ import annotations

import os

from at_stand_in import AtStandIn
from many_jobs import IMAGE, dags


def task(task_id: str, seconds: int) -> AtStandIn:
    return AtStandIn(
        task_id=task_id,
        project_id=os.environ["LOCALGKE_PROJECT"],
        location=os.environ["LOCALGKE_LOCATION"],
        cluster_name=os.environ["LOCALGKE_CLUSTER"],
        name=task_id,
        namespace=os.environ["NAMESPACE"],
        image=IMAGE,
        cmds=["sleep", str(seconds)],
        random_name_suffix=False,
        parallelism=1,
        deferrable=True,
        wait_until_job_complete=True,
    )


deferred = dags("gke", task)

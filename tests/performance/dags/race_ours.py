"""The race's airflow DAGs with GkeJobOperator, which waits in the worker or is deferred."""

from __future__ import annotations

import os
from functools import partial

from race import COMMAND, IMAGE, dag, recorded

from gke_job import GkeCluster, GkeJobOperator

Ours = recorded(GkeJobOperator)
CLUSTER = GkeCluster(
    project=os.environ["LOCALGKE_PROJECT"],
    location=os.environ["LOCALGKE_LOCATION"],
    name=os.environ["LOCALGKE_CLUSTER"],
)


def task(namespace: str, *, deferrable: bool) -> GkeJobOperator:
    return Ours(
        task_id="job",
        template="batch-job",
        cluster=CLUSTER,
        namespace=namespace,
        values={"image": IMAGE, "command": COMMAND, "retries": 0, "resources": {"requests": {"cpu": "1m"}}},
        deferrable=deferrable,
    )


ours = dag("ours", partial(task, deferrable=False))
deferred = dag("ours-deferrable", partial(task, deferrable=True))

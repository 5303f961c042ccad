"""The race's airflow DAGs with GKEStartJobOperator of the provider google."""

from __future__ import annotations

import os
from functools import partial

from airflow.sdk import BaseOperator
from at_stand_in import AtStandIn
from race import COMMAND, IMAGE, RUN, dag, recorded

OfGoogle = recorded(AtStandIn)


def task(namespace: str, *, deferrable: bool) -> BaseOperator:
    return OfGoogle(
        task_id="job",
        project_id=os.environ["LOCALGKE_PROJECT"],
        location=os.environ["LOCALGKE_LOCATION"],
        cluster_name=os.environ["LOCALGKE_CLUSTER"],
        name=RUN,
        namespace=namespace,
        image=IMAGE,
        cmds=COMMAND,
        random_name_suffix=False,
        backoff_limit=0,
        parallelism=1,
        wait_until_job_complete=True,
        deferrable=deferrable,
    )


waiting = dag("gke-job", partial(task, deferrable=False))
deferred = dag("gke-job-deferrable", partial(task, deferrable=True))

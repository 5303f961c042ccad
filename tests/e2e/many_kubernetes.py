"""The Jobs of many.py with deferred KubernetesJobOperator, of Airflow's Kubernetes provider."""

from __future__ import annotations

import os

from airflow.providers.cncf.kubernetes.operators.job import KubernetesJobOperator
from many_jobs import IMAGE, dags


def task(task_id: str, seconds: int) -> KubernetesJobOperator:
    return KubernetesJobOperator(
        task_id=task_id,
        name=task_id,
        namespace=os.environ["NAMESPACE"],
        image=IMAGE,
        cmds=["sleep", str(seconds)],
        random_name_suffix=False,
        parallelism=1,
        deferrable=True,
        wait_until_job_complete=True,
        in_cluster=False,
        config_file=os.environ["KUBECONFIG"],
    )


deferred = dags("kubernetes", task)

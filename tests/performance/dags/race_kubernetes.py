"""The race's airflow DAGs with the operators of the provider cncf-kubernetes: one Job each, and one Pod."""

from __future__ import annotations

import os
from functools import partial

from airflow.providers.cncf.kubernetes.operators.job import KubernetesJobOperator
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import BaseOperator
from race import COMMAND, IMAGE, RUN, dag, recorded

OF_JOB = {"backoff_limit": 0, "parallelism": 1, "wait_until_job_complete": True}
OfJob, OfPod = recorded(KubernetesJobOperator), recorded(KubernetesPodOperator)


def task(namespace: str, *, of_job: bool, deferrable: bool) -> BaseOperator:
    return (OfJob if of_job else OfPod)(
        task_id="job",
        name=RUN,
        namespace=namespace,
        image=IMAGE,
        cmds=COMMAND,
        random_name_suffix=False,
        in_cluster=False,
        config_file=os.environ["KUBECONFIG"],
        deferrable=deferrable,
        **(OF_JOB if of_job else {}),
    )


job = dag("kubernetes-job", partial(task, of_job=True, deferrable=False))
job_deferred = dag("kubernetes-job-deferrable", partial(task, of_job=True, deferrable=True))
pod = dag("kubernetes-pod", partial(task, of_job=False, deferrable=False))
pod_deferred = dag("kubernetes-pod-deferrable", partial(task, of_job=False, deferrable=True))

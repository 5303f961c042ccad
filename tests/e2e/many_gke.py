"""The Jobs of many.py with deferred GKEStartJobOperator, of Google's Airflow provider."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import yaml
from airflow.providers.google.cloud.operators.kubernetes_engine import GKEStartJobOperator
from many_jobs import IMAGE, dags


class AtStandIn(GKEStartJobOperator):
    """Has the address of the stand-in: Google's client calls only the GKE API of container.UNIVERSE, by gRPC/TLS."""

    @property
    def cluster_info(self) -> tuple[str, str]:
        cluster = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())["clusters"][0]["cluster"]
        authority = Path(cluster["certificate-authority"]).read_bytes()
        return cluster["server"], base64.b64encode(authority).decode()


def task(task_id: str, seconds: int) -> GKEStartJobOperator:
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

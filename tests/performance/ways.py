"""The ways to run a Job from Airflow that are compared, and what is measured of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """The name is also that of its DAG and the end of that of its namespace."""

    name: str
    title: str
    deferrable: bool = False
    of_pods: bool = False  # without a Job

    @property
    def ours(self) -> bool:
        """Whether it is one of this repository."""
        return self.name.startswith("ours")


WAYS = {
    way.name: way
    for way in (
        Way("ours", "GkeJobOperator"),
        Way("ours-deferrable", "GkeJobOperator, deferrable", deferrable=True),
        Way("kubernetes-job", "KubernetesJobOperator"),
        Way("kubernetes-job-deferrable", "KubernetesJobOperator, deferrable", deferrable=True),
        Way("kubernetes-pod", "KubernetesPodOperator", of_pods=True),
        Way("kubernetes-pod-deferrable", "KubernetesPodOperator, deferrable", deferrable=True, of_pods=True),
        Way("gke-job", "GKEStartJobOperator"),
        Way("gke-job-deferrable", "GKEStartJobOperator, deferrable", deferrable=True),
        Way("script", "script: kubectl apply, kubectl wait"),
    )
}
EMPTY = "empty"  # the DAG whose task runs no Job

# What is measured, with its unit. Of each there is a list of values for each way.
MEASURES = {
    "submit_cold": ("begin of the operator to the Job, without any cache", "s"),
    "submit_warm": ("begin of the operator to the Job", "s"),
    "start_cold": ("begin of the task to the Job, without any cache", "s"),
    "start_warm": ("begin of the task to the Job", "s"),
    "line": ("container prints to line in the task log", "s"),
    "finish": ("Complete to task success", "s"),
    "cpu": ("processor time of a run beyond an empty task", "s"),
    "wait_memory": ("private memory of a wait beyond an empty task", "MiB"),
    "wait_cpu": ("processor time of a wait", "s/min"),
    "wait_requests": ("requests to the API server while a Job runs", "1/min"),
    "many_finish": ("Complete to task success", "s"),
    "many_requests": ("requests to the API server a waiting Job", "1/min"),
    "many_worker_memory": ("private memory of task processes on the worker", "MiB"),
    "many_cpu": ("processor time of the triggerer", "s/min"),
    "fail": ("Failed to the end of the task", "s"),
    "delete": ("Job deleted to the end of the task", "s"),
}
VERBS = ("get", "list", "watch", "log", "create", "update", "patch", "delete", "discovery")

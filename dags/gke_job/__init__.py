"""Kubernetes Jobs on a GKE cluster as Airflow tasks."""

from gke_job.cluster import GkeCluster
from gke_job.janitor import ReapGkeJobs
from gke_job.operator import GkeJobOperator
from gke_job.sensor import GkeJobSensor
from gke_job.training import Training, training_dag, training_dags

__all__ = [
    "GkeCluster",
    "GkeJobOperator",
    "GkeJobSensor",
    "ReapGkeJobs",
    "Training",
    "training_dag",
    "training_dags",
]

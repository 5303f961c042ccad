"""Kubernetes Jobs on a GKE cluster as Airflow tasks."""

from gke_job.cluster import GkeCluster
from gke_job.group import gke_job_group
from gke_job.operator import GkeJobOperator

__all__ = ["GkeCluster", "GkeJobOperator", "gke_job_group"]

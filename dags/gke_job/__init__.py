"""Kubernetes Jobs on a GKE cluster as Airflow tasks."""

from gke_job.cluster import GkeCluster
from gke_job.group import gke_job_group
from gke_job.janitor import ReapGkeJobs
from gke_job.operator import GkeJobOperator

__all__ = ["GkeCluster", "GkeJobOperator", "ReapGkeJobs", "gke_job_group"]

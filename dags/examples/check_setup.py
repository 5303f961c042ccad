"""Checks on a worker whether Jobs can run: tools, account, endpoint, rights, quotas, node pools."""

from __future__ import annotations

from datetime import datetime, timezone

from gke_job import CheckGkeSetup, GkeCluster

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.models.param import Param

with DAG(
    "check_setup",
    description="Checks on a worker whether Jobs can run: tools, account, endpoint, rights, quotas, node pools",
    tags=["gke_job"],
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    params={
        **GkeCluster.params(),
        "namespace": Param("default", type="string"),
        "profiles": Param(
            None, type=["null", "string"], description="Profiles in use, separated by commas; empty: all"
        ),
    },
    doc_md="""
### Checks that a worker can run Jobs

The log has a line for each check, with the fix for each failed one. The XCom `findings` has all of them. Trigger the
DAG after the first deployment, and after a change of the environment, the network or the cluster. From a shell run
`scripts/check-setup`.
""",
):
    CheckGkeSetup(
        task_id="check",
        cluster=GkeCluster.from_params(),
        namespace="{{ params.namespace }}",
        profiles_in_use="{{ params.profiles or '' }}",
    )

"""DAGs whose retries use another profile; test_fallbacks.py evicts their Pods and checks the outcome."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from gke_job import GkeJobOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

COMMON = {
    "namespace": os.environ["NAMESPACE"],
    "profiles": str(Path(__file__).with_name("falling.yaml")),
    "fallback": True,
    "retry_delay": timedelta(0),
}


def distributed(tries: int) -> dict[str, Any]:
    """Return a Job that runs until its Pod is evicted and then fails, in each of these tries; the next try succeeds."""
    command = f"[ {{{{ ti.try_number }}}} -gt {tries} ] || {{ trap 'exit 1' TERM; sleep 600 & wait; }}"
    values = {"image": "busybox:1.37", "nodes": 1, "command": ["sh", "-c", command], "run_as_user": 65532}
    return {**COMMON, "template": "distributed-job", "values": values, "retries": tries}


def mark_oom_killed(context: Any) -> None:
    """Set the reason OOMKilled in the failed Pod of the first try, as a kubelet does at the memory limit."""
    if context["ti"].try_number != 2:
        return
    selector = ("--namespace", COMMON["namespace"], "--selector", "gke-job/dag=falls_and_grows")
    found = subprocess.run(
        ["kubectl", "get", "pods", *selector, "--output", "json"], stdout=subprocess.PIPE, check=True
    )
    for pod in json.loads(found.stdout)["items"]:
        pod["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] = "OOMKilled"
        patch = json.dumps({"status": {"containerStatuses": pod["status"]["containerStatuses"]}})
        named = ("--namespace", COMMON["namespace"], "--subresource", "status", "--type", "merge", "--patch", patch)
        subprocess.run(["kubectl", "patch", "pod", pod["metadata"]["name"], *named], check=True)


with DAG("falls_after_preemptions", schedule=None, is_paused_upon_creation=False):
    GkeJobOperator(task_id="job", profile="fragile", **distributed(2))

with DAG("falls_without_nodes", schedule=None, is_paused_upon_creation=False):
    GkeJobOperator(
        task_id="job",
        template="batch-job",
        profile="nowhere",
        schedule_timeout=5,
        values={"image": "busybox:1.37", "command": ["true"], "run_as_user": 65532},
        retries=1,
        **COMMON,
    )

with DAG("falls_and_grows", schedule=None, is_paused_upon_creation=False):
    arguments = distributed(2)
    arguments["values"]["command"][2] = "[ {{ ti.try_number }} = 1 ] && exit 137; " + arguments["values"]["command"][2]
    GkeJobOperator(task_id="job", profile="small-spot", escalate=True, pre_execute=mark_oom_killed, **arguments)

with DAG("falls_deferred", schedule=None, is_paused_upon_creation=False):
    GkeJobOperator(task_id="job", profile="small-spot", deferrable=True, **distributed(1))

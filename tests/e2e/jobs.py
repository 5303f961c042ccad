"""Reads and ends the Jobs of DAGs; a DAG has one Job at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

from e2e.processes import processes, read


def job_of(dag_id: str) -> dict[str, Any] | None:
    """Return the Job of a DAG, None without one."""
    return next((job for job in found("jobs") if job["metadata"]["annotations"]["gke-job/dag-id"] == dag_id), None)


def uid_of(dag_id: str) -> str | None:
    """Return the uid of the Job of a DAG, None without one."""
    job = job_of(dag_id)
    return job and job["metadata"]["uid"]


def running_pod(dag_id: str) -> dict[str, Any] | None:
    """Return the running Pod of the Job of a DAG, None without one."""
    uid = uid_of(dag_id)
    for pod in found("pods"):
        if pod["metadata"]["ownerReferences"][0]["uid"] == uid and pod["status"]["phase"] == "Running":
            return pod
    return None


def evict(pod: dict[str, Any]) -> None:
    """Evict a Pod, so that its containers get SIGTERM."""
    metadata = {name: pod["metadata"][name] for name in ("name", "namespace")}
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    command = ["kubectl", "create", "--raw", path, "--filename", "-"]
    subprocess.run(command, input=json.dumps(eviction).encode(), check=True, stdout=subprocess.DEVNULL)


def end_job(name: str) -> None:
    """Send SIGTERM to the shells whose last argument is `name`: containers of the stand-in are local processes."""
    for pid in processes():
        if read(pid, "cmdline").startswith(b"sh\0") and read(pid, "cmdline").endswith(b"\0%s\0" % name.encode()):
            os.kill(pid, signal.SIGTERM)


def found(kind: str) -> list[dict[str, Any]]:
    """Return all objects of a kind in the namespace."""
    done = subprocess.run(["kubectl", "get", kind, "--output", "json"], stdout=subprocess.PIPE, check=True)
    return list(json.loads(done.stdout)["items"])

"""Helpers of the tests of deferred tasks: Jobs on the stand-in, and the processes that wait for them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from pathlib import Path

from gke_job.trigger import GkeJobTrigger

UID = "11111111-2222-4333-8444-555555555555"


def trigger(namespace="ml", uid=UID, **given):
    return GkeJobTrigger(cluster={}, namespace=namespace, job="train", uid=uid, airflow_environment="test", **given)


async def fired(one):
    return [event.payload["reason"] async for event in one.run()]


async def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.02)


def marked(mark: str) -> list[int]:
    """The processes that have inherited a mark, except this process."""
    word = f"GKE_JOB_TEST_MARK={mark}".encode()
    found = [int(place.name) for place in Path("/proc").glob("[0-9]*") if word in content(place / "environ")]
    return [pid for pid in found if pid != os.getpid()]


def scripts_named(name: str, mark: str) -> list[int]:
    """The processes with a mark that are bash with a script of this name."""
    found = {pid: content(Path(f"/proc/{pid}/cmdline")).split(b"\0") for pid in marked(mark)}
    return [pid for pid, argv in found.items() if len(argv) > 1 and argv[1].endswith(f"/scripts/{name}".encode())]


def content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # the process has ended
        return b""


def kubectl(*arguments, stdin=None):
    return subprocess.run(["kubectl", *arguments], check=True, stdout=subprocess.PIPE, text=True, input=stdin).stdout


def namespace_object(name: str) -> dict:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def suspended_jobs(namespace: str, number: int) -> list[str]:
    """Creates Jobs as the toolkit labels them, job-0 and so on, that have no Pods; returns their uids in this order."""
    template = {
        "metadata": {"labels": {"gke-job/identity": "test"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1.37"}]},
    }
    items = [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": f"job-{index}",
                "labels": {"app.kubernetes.io/managed-by": "gke-job"},
                "annotations": {"gke-job/airflow-environment": "test"},
            },
            "spec": {"suspend": True, "template": template},
        }
        for index in range(number)
    ]
    kubectl("create", "--filename", "-", stdin=json.dumps(namespace_object(namespace)))
    kubectl("create", "--namespace", namespace, "--filename", "-", stdin="\n".join(map(json.dumps, items)))
    uids = kubectl("get", "jobs", "--namespace", namespace, "--output", "jsonpath={.items[*].metadata.uid}")
    return uids.split()

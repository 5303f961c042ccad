"""Checks the Kueue queue that a Job names."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from urllib.parse import quote

from gke_jobs.errors import ApiError, classify
from gke_jobs.json_access import Json, list_at, text_at
from gke_jobs.kueue import OLD_VERSION, VERSION
from gke_jobs.labels import QUEUE
from gke_jobs.preflight.finding import Finding, failed, ok, warning
from gke_jobs.preflight.programs import Kubectl, is_absent

GROUP = "/apis/kueue.x-k8s.io"


def names(jobs: Mapping[str, Json]) -> list[str]:
    """Return the queues that Jobs name."""
    found = (text_at(job, "metadata", "labels", QUEUE) for job in jobs.values())
    return sorted({name for name in found if name})


def check(kubectl: Kubectl, namespace: str, name: str) -> Finding:
    """Return the finding whether a LocalQueue exists and admits Jobs."""
    try:
        preferred = text_at(kubectl.get(GROUP), "preferredVersion", "version")
    except ApiError as error:
        meaning = classify(error.answer)
        if is_absent(error):
            return failed("queue", "Kueue is not installed", "install Kueue, or leave out the value `queue`")
        return warning("queue", f"LocalQueue {name} is not checked: {meaning.message}", meaning.advice)
    version = preferred if preferred in (VERSION, OLD_VERSION) else VERSION
    path = f"{GROUP}/{version}/namespaces/{namespace}/localqueues/{quote(name, safe='')}"
    try:
        queue = kubectl.get(path)
    except ApiError as error:
        meaning = classify(error.answer)
        if is_absent(error):
            fix = f"kubectl get localqueues --namespace {namespace} lists the existing ones"
            return failed("queue", f"namespace {namespace} has no LocalQueue {name}", fix)
        return warning("queue", f"LocalQueue {name} is not checked: {meaning.message}", meaning.advice)
    for condition in list_at(queue, "status", "conditions"):
        if text_at(condition, "type") == "Active" and text_at(condition, "status") == "False":
            found = f"LocalQueue {name} is not active: {text_at(condition, 'message')}"
            return failed("queue", found, f"kubectl describe localqueue {shlex.quote(name)} --namespace {namespace}")
    return ok("queue", f"LocalQueue {name} is active")

"""Imitates server-side printing: the `Table` that `kubectl get` asks for, with the API server's columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from localgke.resources import Resource
from localgke.store import Object


def table(resource: Resource, objects: list[Object], version: str, columns: bool = True) -> Object:
    """The Table of some objects; each row carries its whole object, of which a client may have asked for less."""
    shown = COLUMNS.get(resource.plural, {"Name": _name, "Age": _age})
    definitions = [
        {
            "name": name,
            "type": "string",
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": int(name in WIDE),
        }
        for name in shown
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": definitions if columns else [],
        "rows": [{"cells": [cell(obj) for cell in shown.values()], "object": obj} for obj in objects],
    }


def duration(seconds: float) -> str:
    """A span of time as kubectl writes it: 45s, 2m5s, 3h10m, 5d."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m" + (f"{whole % 60}s" if whole % 60 else "")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h" + (f"{minutes % 60}m" if minutes % 60 else "")
    return f"{hours}h" if hours < 48 else f"{days}d"


def _since(time: str | None, until: str | None = None) -> str:
    if not time:
        return "<unknown>"
    end = datetime.fromisoformat(until.replace("Z", "+00:00")) if until else datetime.now(timezone.utc)
    return duration((end - datetime.fromisoformat(time.replace("Z", "+00:00"))).total_seconds())


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _age(obj: Object) -> str:
    return _since(obj["metadata"].get("creationTimestamp"))


def _phase(obj: Object) -> str:
    return str(obj["status"]["phase"])


def _true(obj: Object) -> list[str]:
    """The conditions that hold."""
    return [item["type"] for item in obj["status"].get("conditions", ()) if item["status"] == "True"]


def _about(event: Object) -> str:
    about = event["involvedObject"]
    return f"{about['kind'].lower()}/{about['name']}"


def _job_state(job: Object) -> str:
    true = _true(job)
    if "Complete" in true or "Failed" in true:
        return "Complete" if "Complete" in true else "Failed"
    if "deletionTimestamp" in job["metadata"]:
        return "Terminating"
    return next((name for name in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if name in true), "Running")


def _completions(job: Object) -> str:
    spec = job["spec"]
    wanted = spec.get("completions") or (f"1 of {spec['parallelism']}" if spec["parallelism"] > 1 else 1)
    return f"{job['status'].get('succeeded', 0)}/{wanted}"


def _job_duration(job: Object) -> str:
    status = job["status"]
    return _since(status["startTime"], status.get("completionTime")) if "startTime" in status else ""


def _ready(pod: Object) -> str:
    ready = sum(item["ready"] for item in pod["status"].get("containerStatuses", ()))
    return f"{ready}/{len(pod['spec']['containers'])}"


def _restarts(pod: Object) -> str:
    return str(sum(item["restartCount"] for item in pod["status"].get("containerStatuses", ())))


def _pod_state(pod: Object) -> str:
    status = pod["status"]
    if "deletionTimestamp" in pod["metadata"] and status["phase"] not in ("Succeeded", "Failed"):
        return "Terminating"
    reasons = [_container_state(container["state"]) for container in status.get("containerStatuses", ())]
    reason = next(filter(None, reasons), status["phase"])
    return "Running" if reason == "Completed" and status["phase"] == "Running" and "Ready" in _true(pod) else reason


def _node_state(node: Object) -> str:
    state = "Ready" if "Ready" in _true(node) else "NotReady"
    return f"{state},SchedulingDisabled" if node["spec"].get("unschedulable") else state


def _container_state(state: Object) -> str:
    """Why a container does not run; empty when it does."""
    why: Object = state.get("waiting") or state.get("terminated") or {}
    return str(why.get("reason", ""))


WIDE = ("IP", "Node")  # only with `--output wide`
COLUMNS: dict[str, dict[str, Callable[[Object], Any]]] = {
    "events": {
        "Last Seen": lambda event: _since(event["lastTimestamp"]),
        "Type": lambda event: event["type"],
        "Reason": lambda event: event["reason"],
        "Object": _about,
        "Message": lambda event: event["message"],
    },
    "jobs": {"Name": _name, "Status": _job_state, "Completions": _completions, "Duration": _job_duration, "Age": _age},
    "namespaces": {"Name": _name, "Status": _phase, "Age": _age},
    "nodes": {
        "Name": _name,
        "Status": _node_state,
        "Age": _age,
        "Version": lambda node: node["status"]["nodeInfo"]["kubeletVersion"],
    },
    "pods": {
        "Name": _name,
        "Ready": _ready,
        "Status": _pod_state,
        "Restarts": _restarts,
        "Age": _age,
        "IP": lambda pod: pod["status"].get("podIP", "<none>"),
        "Node": lambda pod: pod["spec"].get("nodeName", "<none>"),
    },
}

"""Imitates server-side printing: the `Table` that `kubectl get` asks for, with the API server's columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from localgke.resources import Resource
from localgke.store import Object

Cell = Callable[[Object], Any]


def table(resource: Resource, objects: list[Object], version: str, columns: bool = True) -> Object:
    """Returns the Table of objects; each row has its complete object, even if the client asked for metadata only."""
    shown = COLUMNS.get(resource.plural, {"Name": _name, "Age": _age})
    definitions = [
        {
            "name": name,
            "type": "string",
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": int(name in WIDE.get(resource.plural, ())),
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
    """Returns a duration in kubectl's format: 45s, 2m5s, 3h10m, 5d."""
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
    """Returns the conditions with status True."""
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
    queue = f"1 of {spec['parallelism']}" if spec["parallelism"] > 1 else 1
    return f"{job['status'].get('succeeded', 0)}/{spec.get('completions', queue)}"


def _job_duration(job: Object) -> str:
    status = job["status"]
    return _since(status["startTime"], status.get("completionTime")) if "startTime" in status else ""


def _ready(pod: Object) -> str:
    ready = sum(item["ready"] for item in pod["status"].get("containerStatuses", ()))
    return f"{ready}/{len(pod['spec']['containers'])}"


def _restarts(pod: Object) -> str:
    statuses = pod["status"].get("containerStatuses", ())
    number = sum(item["restartCount"] for item in statuses)
    ended = [item.get("lastState", {}).get("terminated", {}).get("finishedAt", "") for item in statuses]
    return f"{number} ({_since(max(ended))} ago)" if number and max(ended) else str(number)


def _pod_state(pod: Object) -> str:
    status = pod["status"]
    if "deletionTimestamp" in pod["metadata"] and status["phase"] not in ("Succeeded", "Failed"):
        return "Terminating"
    states = [container["state"] for container in status.get("containerStatuses", ())]
    reason = next(filter(None, map(_container_state, states)), status.get("reason", status["phase"]))
    if reason != "Completed":
        return str(reason)
    failed = [state for state in states if state.get("terminated", {}).get("exitCode")]
    if any("running" in state for state in states) and ("Ready" in _true(pod) or not failed):
        return "Running" if "Ready" in _true(pod) else "NotReady"
    return _container_state(failed[0]) if failed else reason


def _node_state(node: Object) -> str:
    state = "Ready" if "Ready" in _true(node) else "NotReady"
    return f"{state},SchedulingDisabled" if node["spec"].get("unschedulable") else state


def _container_state(state: Object) -> str:
    """Returns the reason why a container does not run, empty if it runs."""
    why: Object = state.get("waiting") or state.get("terminated") or {}
    return str(why.get("reason", ""))


def _node_roles(node: Object) -> str:
    prefix = "node-role.kubernetes.io/"
    roles = [label.removeprefix(prefix) for label in node["metadata"].get("labels", {}) if label.startswith(prefix)]
    return ",".join(sorted(roles)) or "<none>"


def _node_info(name: str) -> Cell:
    return lambda node: node["status"]["nodeInfo"].get(name, "<unknown>")


def _address(kind: str) -> Cell:
    def cell(node: Object) -> str:
        return next((item["address"] for item in node["status"]["addresses"] if item["type"] == kind), "<none>")

    return cell


def _containers(field: str) -> Cell:
    return lambda job: ",".join(container[field] for container in job["spec"]["template"]["spec"]["containers"])


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "<none>"


def _ports(service: Object) -> str:
    return ",".join(f"{port['port']}/{port['protocol']}" for port in service["spec"].get("ports", ())) or "<none>"


# Only with `--output wide`.
WIDE = {
    "events": ("Subobject", "Source", "First Seen", "Count", "Name"),
    "jobs": ("Containers", "Images", "Selector"),
    "nodes": ("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"),
    "pods": ("IP", "Node", "Nominated Node", "Readiness Gates"),
    "services": ("Selector",),
}
COLUMNS: dict[str, dict[str, Cell]] = {
    "configmaps": {
        "Name": _name,
        "Data": lambda obj: len({**obj.get("data", {}), **obj.get("binaryData", {})}),
        "Age": _age,
    },
    "events": {
        "Last Seen": lambda event: _since(event["lastTimestamp"]),
        "Type": lambda event: event["type"],
        "Reason": lambda event: event["reason"],
        "Object": _about,
        "Subobject": lambda event: event["involvedObject"].get("fieldPath", ""),
        "Source": lambda event: event["source"]["component"],
        "Message": lambda event: event["message"],
        "First Seen": lambda event: _since(event["firstTimestamp"]),
        "Count": lambda event: event["count"],
        "Name": _name,
    },
    "jobs": {
        "Name": _name,
        "Status": _job_state,
        "Completions": _completions,
        "Duration": _job_duration,
        "Age": _age,
        "Containers": _containers("name"),
        "Images": _containers("image"),
        "Selector": lambda job: _labels(job["spec"].get("selector", {}).get("matchLabels", {})),
    },
    "namespaces": {"Name": _name, "Status": _phase, "Age": _age},
    "nodes": {
        "Name": _name,
        "Status": _node_state,
        "Roles": _node_roles,
        "Age": _age,
        "Version": _node_info("kubeletVersion"),
        "Internal-IP": _address("InternalIP"),
        "External-IP": _address("ExternalIP"),
        "OS-Image": _node_info("osImage"),
        "Kernel-Version": _node_info("kernelVersion"),
        "Container-Runtime": _node_info("containerRuntimeVersion"),
    },
    "pods": {
        "Name": _name,
        "Ready": _ready,
        "Status": _pod_state,
        "Restarts": _restarts,
        "Age": _age,
        "IP": lambda pod: pod["status"].get("podIP", "<none>"),
        "Node": lambda pod: pod["spec"].get("nodeName", "<none>"),
        "Nominated Node": lambda _: "<none>",
        "Readiness Gates": lambda _: "<none>",
    },
    "secrets": {
        "Name": _name,
        "Type": lambda obj: obj["type"],
        "Data": lambda obj: len(obj.get("data", {})),
        "Age": _age,
    },
    "services": {
        "Name": _name,
        "Type": lambda service: service["spec"]["type"],
        "Cluster-IP": lambda service: service["spec"]["clusterIP"],
        "External-IP": lambda _: "<none>",
        "Port(s)": _ports,
        "Age": _age,
        "Selector": lambda service: _labels(service["spec"].get("selector", {})),
    },
}

"""Imitates server-side printing: the `Table` that `kubectl get` asks for, with the API server's columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from localgke.resources import Resource
from localgke.store import Object

NAME = ("Name", "string", 0)
AGE = ("Age", "string", 0)

# Columns: name, type, priority (1: only with `-o wide`).
COLUMNS: dict[str, tuple[tuple[str, str, int], ...]] = {
    "configmaps": (NAME, ("Data", "integer", 0), AGE),
    "events": (
        ("Last Seen", "string", 0),
        ("Type", "string", 0),
        ("Reason", "string", 0),
        ("Object", "string", 0),
        ("Subobject", "string", 1),
        ("Source", "string", 1),
        ("Message", "string", 0),
        ("First Seen", "string", 1),
        ("Count", "string", 1),
        ("Name", "string", 1),
    ),
    "jobs": (
        NAME,
        ("Status", "string", 0),
        ("Completions", "string", 0),
        ("Duration", "string", 0),
        AGE,
        ("Containers", "string", 1),
        ("Images", "string", 1),
        ("Selector", "string", 1),
    ),
    "namespaces": (NAME, ("Status", "string", 0), AGE),
    "nodes": (NAME, ("Status", "string", 0), ("Roles", "string", 0), AGE, ("Version", "string", 0)),
    "pods": (
        NAME,
        ("Ready", "string", 0),
        ("Status", "string", 0),
        ("Restarts", "string", 0),
        AGE,
        ("IP", "string", 1),
        ("Node", "string", 1),
        ("Nominated Node", "string", 1),
        ("Readiness Gates", "string", 1),
    ),
    "secrets": (NAME, ("Type", "string", 0), ("Data", "integer", 0), AGE),
    "services": (
        NAME,
        ("Type", "string", 0),
        ("Cluster-IP", "string", 0),
        ("External-IP", "string", 0),
        ("Port(s)", "string", 0),
        AGE,
        ("Selector", "string", 1),
    ),
}


def table(resource: Resource, objects: list[Object], version: str, include: str, columns: bool = True) -> Object:
    """The Table of some objects. `include`: None, Metadata or Object, what each row carries beside its cells."""
    definitions = [
        {
            "name": name,
            "type": type_,
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": priority,
        }
        for name, type_, priority in COLUMNS[resource.plural]
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": definitions if columns else [],
        "rows": [{"cells": CELLS[resource.plural](obj), **_carried(obj, include)} for obj in objects],
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
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d" + (f"{hours % 24}h" if hours % 24 else "")
    return f"{days}d"


def _carried(obj: Object, include: str) -> dict[str, Any]:
    if include == "None":
        return {}
    if include == "Object":
        return {"object": obj}
    meta = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
    return {"object": meta}


def _since(time: str | None, until: str | None = None) -> str:
    if not time:
        return "<unknown>"
    end = datetime.fromisoformat(until.replace("Z", "+00:00")) if until else datetime.now(timezone.utc)
    return duration((end - datetime.fromisoformat(time.replace("Z", "+00:00"))).total_seconds())


def _age(obj: Object) -> str:
    return _since(obj["metadata"].get("creationTimestamp"))


def _true(obj: Object, condition: str) -> bool:
    conditions = obj.get("status", {}).get("conditions", ())
    return any(item["type"] == condition and item["status"] == "True" for item in conditions)


def _event(obj: Object) -> list[Any]:
    about = obj["involvedObject"]
    source = obj.get("source", {})
    return [
        _since(obj.get("lastTimestamp")),
        obj.get("type"),
        obj.get("reason"),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        ", ".join(filter(None, (source.get("component"), source.get("host")))),
        obj.get("message", "").strip(),
        _since(obj.get("firstTimestamp")),
        obj.get("count", 1),
        obj["metadata"]["name"],
    ]


def _job(obj: Object) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    state = "Running"
    if _true(obj, "Complete") or _true(obj, "Failed"):
        state = "Complete" if _true(obj, "Complete") else "Failed"
    elif obj["metadata"].get("deletionTimestamp"):
        state = "Terminating"
    else:
        state = next((name for name in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if _true(obj, name)), state)
    wanted = spec.get("completions") or (f"1 of {spec['parallelism']}" if spec["parallelism"] > 1 else 1)
    start = status.get("startTime")
    containers = spec["template"]["spec"]["containers"]
    return [
        obj["metadata"]["name"],
        state,
        f"{status.get('succeeded', 0)}/{wanted}",
        _since(start, status.get("completionTime")) if start else "",
        _age(obj),
        ",".join(container["name"] for container in containers),
        ",".join(container["image"] for container in containers),
        ",".join(f"{key}={value}" for key, value in spec["selector"]["matchLabels"].items()),
    ]


def _node(obj: Object) -> list[Any]:
    version = obj.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "")
    return [obj["metadata"]["name"], "Ready" if _true(obj, "Ready") else "NotReady", "<none>", _age(obj), version]


def _pod(obj: Object) -> list[Any]:
    status, spec = obj.get("status", {}), obj["spec"]
    containers = status.get("containerStatuses", [])
    return [
        obj["metadata"]["name"],
        f"{sum(bool(container.get('ready')) for container in containers)}/{len(spec['containers'])}",
        _pod_state(obj),
        str(sum(container.get("restartCount", 0) for container in containers)),
        _age(obj),
        status.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>",
        "<none>",
        "<none>",
    ]


def _pod_state(obj: Object) -> str:
    status = obj.get("status", {})
    phase = status.get("phase", "Unknown")
    if obj["metadata"].get("deletionTimestamp") and phase not in ("Succeeded", "Failed"):
        return "Terminating"
    init = status.get("initContainerStatuses", [])
    for done, container in enumerate(init):
        state = container.get("state", {})
        if state.get("terminated", {}).get("exitCode") == 0:
            continue
        reason = _container_state(state)
        return f"Init:{reason}" if reason not in ("", "PodInitializing") else f"Init:{done}/{len(init)}"
    reasons = [_container_state(container.get("state", {})) for container in status.get("containerStatuses", [])]
    reason = next(filter(None, reasons), status.get("reason") or phase)
    return "Running" if reason == "Completed" and phase == "Running" and _true(obj, "Ready") else reason


def _container_state(state: Object) -> str:
    if state.get("waiting", {}).get("reason"):
        return str(state["waiting"]["reason"])
    ended = state.get("terminated")
    if ended is None:
        return ""
    signal = f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"
    return str(ended.get("reason") or signal)


def _service(obj: Object) -> list[Any]:
    spec = obj["spec"]
    ports = ",".join(f"{port['port']}/{port['protocol']}" for port in spec.get("ports", ())) or "<none>"
    selector = ",".join(f"{key}={value}" for key, value in spec.get("selector", {}).items()) or "<none>"
    return [obj["metadata"]["name"], spec["type"], spec["clusterIP"], "<none>", ports, _age(obj), selector]


CELLS: dict[str, Callable[[Object], list[Any]]] = {
    "configmaps": lambda obj: [
        obj["metadata"]["name"],
        len(obj.get("data", {})) + len(obj.get("binaryData", {})),
        _age(obj),
    ],
    "events": _event,
    "jobs": _job,
    "namespaces": lambda obj: [obj["metadata"]["name"], obj["status"]["phase"], _age(obj)],
    "nodes": _node,
    "pods": _pod,
    "secrets": lambda obj: [obj["metadata"]["name"], obj["type"], len(obj.get("data", {})), _age(obj)],
    "services": _service,
}

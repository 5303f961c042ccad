"""Imitates the scheduler: binds each Pod to the first node that fits, or records why none fits.

It considers cordon, taints, nodeSelector and resource requests. It never preempts.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal

from localgke.disruption import UNSCHEDULABLE, tolerates
from localgke.objects import NODES, PODS, TERMINAL, is_active, record, set_condition
from localgke.store import Object, Store

COMPONENT = "default-scheduler"
UNITS = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1)}
UNITS |= {unit: Decimal(1000 ** (i + 1)) for i, unit in enumerate("kMGTPE")}
UNITS |= {f"{unit}i": Decimal(1024 ** (i + 1)) for i, unit in enumerate("KMGTPE")}


def quantity(text: object) -> Decimal:
    """Returns a Kubernetes quantity, e.g. `500m`, `1e3`, `16Gi`, in base units (CPUs, bytes). Raises ValueError."""
    match = re.fullmatch(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([num]|[kMGTPE]|[KMGTPE]i|)", str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a quantity: write a number with m, k, M, G, Ki, Mi, Gi, ... or none of them")
    return Decimal(match[1]) * UNITS[match[2]]


def requests(pods: Iterable[Object]) -> dict[str, Decimal]:
    """Returns the sum of the requests of all containers of Pods. A limit without a request is the request."""
    total: dict[str, Decimal] = defaultdict(Decimal)
    for container in (container for pod in pods for container in pod["spec"]["containers"]):
        resources = container.get("resources", {})
        for name, text in {**resources.get("limits", {}), **resources.get("requests", {})}.items():
            total[name] += quantity(text)
    return total


def obstacles(pod: Object, node: Object, pods: Iterable[Object] = ()) -> list[str]:
    """Returns the scheduler's reasons why a Pod does not fit a node, empty if it fits. `pods`: those of the cluster."""
    if node["spec"].get("unschedulable") and not tolerates(pod, UNSCHEDULABLE):
        return ["node(s) were unschedulable"]
    for taint in node["spec"].get("taints", []):
        if taint["effect"] != "PreferNoSchedule" and not tolerates(pod, taint):
            return ["node(s) had untolerated taint(s)"]
    labels = node["metadata"]["labels"]
    if any(labels.get(key) != value for key, value in pod["spec"].get("nodeSelector", {}).items()):
        return ["node(s) didn't match Pod's node affinity/selector"]
    name, allocatable = node["metadata"]["name"], node["status"]["allocatable"]
    there = [other for other in pods if other["spec"].get("nodeName") == name]
    total = requests([pod, *(other for other in there if other["status"]["phase"] not in TERMINAL)])
    return [f"Insufficient {name}" for name in requests([pod]) if total[name] > quantity(allocatable.get(name, 0))]


def unscheduled(pods: Iterable[Object]) -> list[Object]:
    """Returns the Pods that wait for a node, oldest first."""
    waiting = [
        pod
        for pod in pods
        if is_active(pod)
        and not pod["spec"].get("nodeName")
        and pod["spec"].get("schedulerName", COMPONENT) == COMPONENT
    ]
    return sorted(waiting, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))


def sync(store: Store) -> None:
    """Schedules the waiting Pods. Call it whenever a Pod or a node has changed."""
    nodes, pods = store.list(NODES), store.list(PODS)
    for pod in unscheduled(pods):
        reasons = {node["metadata"]["name"]: obstacles(pod, node, pods) for node in nodes}
        fitting = next((name for name, why in reasons.items() if not why), None)
        if fitting is None:
            _refuse(store, pod, nodes, list(reasons.values()))
            continue
        pod["spec"]["nodeName"] = fitting  # also in `pods`, for the next Pod
        set_condition(pod, "PodScheduled", "True")
        store.update(PODS, pod)
        message = f"Successfully assigned {pod['metadata']['namespace']}/{pod['metadata']['name']} to {fitting}"
        record(store, pod, COMPONENT, "Normal", "Scheduled", message)


def _refuse(store: Store, pod: Object, nodes: list[Object], reasons: list[list[str]]) -> None:
    message = "no nodes available to schedule pods"
    if nodes:
        none = f"0/{len(nodes)} nodes are available"
        causes = tally(reason for why in reasons for reason in why)
        preemption = tally(_preemption(pod, node, why) for node, why in zip(nodes, reasons, strict=True))
        message = f"{none}: {causes}. preemption: {none}: {preemption}."
    if set_condition(pod, "PodScheduled", "False", "Unschedulable", message):
        store.update(PODS, pod)
        record(store, pod, COMPONENT, "Warning", "FailedScheduling", message)


def _preemption(pod: Object, node: Object, why: list[str]) -> str:
    """Returns the scheduler's message about preemption. All Pods have the same priority, so none is preempted."""
    allocatable = node["status"]["allocatable"]
    too_big = any(amount > quantity(allocatable.get(name, 0)) for name, amount in requests([pod]).items())
    if too_big or not all(reason.startswith("Insufficient") for reason in why):
        return "Preemption is not helpful for scheduling"
    return "No preemption victims found for incoming pod"


def tally(reasons: Iterable[str]) -> str:
    """Returns the number of nodes with each reason: `1 Insufficient cpu, 2 Too many pods`."""
    return ", ".join(sorted(f"{count} {reason}" for reason, count in Counter(reasons).items()))

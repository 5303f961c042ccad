"""Imitates the scheduler: puts each Pod on the first node that it fits, or says why it fits none.

It looks at taints, at nodeSelector and at resource requests. It never preempts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from localgke.objects import NODES, PODS, TERMINAL, record, set_condition
from localgke.store import Object, Store

COMPONENT = "default-scheduler"
UNITS = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1)}
UNITS |= {unit: Decimal(1000 ** (i + 1)) for i, unit in enumerate("kMGTPE")}
UNITS |= {f"{unit}i": Decimal(1024 ** (i + 1)) for i, unit in enumerate("KMGTPE")}
Resources = dict[str, Decimal]


def quantity(text: object) -> Decimal:
    """A Kubernetes quantity, e.g. `500m`, `1.5`, `1e3`, `16Gi`, in base units (CPUs, bytes)."""
    match = re.fullmatch(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([num]|[kMGTPE]|[KMGTPE]i|)", str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a quantity: write a number with m, k, M, G, Ki, Mi, Gi, ... or none of them")
    return Decimal(match[1]) * UNITS[match[2]]


def requests(pod: Object) -> Resources:
    """What the scheduler counts for a Pod: all containers together. A limit without a request is the request."""
    total: Resources = {}
    for container in pod["spec"]["containers"]:
        resources = container.get("resources", {})
        for name, text in {**resources.get("limits", {}), **resources.get("requests", {})}.items():
            total[name] = total.get(name, Decimal(0)) + quantity(text)
    return total


def free(node: Object, pods: Iterable[Object]) -> Resources:
    """What of a node's allocatable resources the Pods on it leave."""
    left = {name: quantity(text) for name, text in node["status"]["allocatable"].items()}
    for pod in pods:
        if pod["spec"].get("nodeName") == node["metadata"]["name"] and pod["status"]["phase"] not in TERMINAL:
            take(left, pod)
    return left


def take(left: Resources, pod: Object) -> None:
    """Subtracts what the Pod requests."""
    for name, amount in requests(pod).items():
        left[name] = left.get(name, Decimal(0)) - amount


def obstacles(pod: Object, node: Object, left: Resources) -> list[str]:
    """Why a Pod cannot go to a node of which `left` is free, in the scheduler's words; empty where it can."""
    tolerations = pod["spec"].get("tolerations", [])
    for taint in node["spec"].get("taints", []):
        if taint["effect"] != "PreferNoSchedule" and not any(_tolerates(item, taint) for item in tolerations):
            return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"]
    labels = node["metadata"]["labels"]
    if any(labels.get(key) != value for key, value in pod["spec"].get("nodeSelector", {}).items()):
        return ["node(s) didn't match Pod's node affinity/selector"]
    amounts = requests(pod).items()
    return [f"Insufficient {name}" for name, amount in amounts if amount > left.get(name, Decimal(0))]


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return not toleration.get("key") or bool(toleration["key"] == taint["key"])
    key, value = toleration.get("key"), toleration.get("value", "")
    return bool(key == taint["key"] and value == taint.get("value", ""))


def unscheduled(store: Store) -> list[Object]:
    """The Pods that wait for a node, oldest first."""
    waiting = store.list(
        PODS,
        matches=lambda pod: (
            not pod["spec"].get("nodeName")
            and pod["spec"].get("schedulerName", COMPONENT) == COMPONENT
            and "deletionTimestamp" not in pod["metadata"]
            and pod["status"]["phase"] not in TERMINAL
        ),
    )
    return sorted(waiting, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))


def sync(store: Store) -> None:
    """Call it whenever a Pod or a node has changed."""
    waiting = unscheduled(store)
    if not waiting:
        return
    nodes = store.list(NODES)
    running = store.list(PODS, matches=lambda pod: bool(pod["spec"].get("nodeName")))
    left = {node["metadata"]["name"]: free(node, running) for node in nodes}
    for pod in waiting:
        reasons = [(node, obstacles(pod, node, left[node["metadata"]["name"]])) for node in nodes]
        fitting = next((node["metadata"]["name"] for node, why in reasons if not why), None)
        if fitting is None:
            _refuse(store, pod, [why for _, why in reasons])
        else:
            take(left[fitting], pod)
            _bind(store, pod, fitting)


def _bind(store: Store, pod: Object, node: str) -> None:
    pod["spec"]["nodeName"] = node
    set_condition(pod, "PodScheduled", "True")
    pod = store.update(PODS, pod)
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    record(store, pod, COMPONENT, "Normal", "Scheduled", f"Successfully assigned {name} to {node}")


def _refuse(store: Store, pod: Object, reasons: list[list[str]]) -> None:
    nodes = f"0/{len(reasons)} nodes are available"
    causes = tally(reason for why in reasons for reason in why) or "no nodes available to schedule pods"
    message = f"{nodes}: {causes}. preemption: {nodes}: {len(reasons)} Preemption is not helpful for scheduling."
    if set_condition(pod, "PodScheduled", "False", "Unschedulable", message):
        pod = store.update(PODS, pod)
        record(store, pod, COMPONENT, "Warning", "FailedScheduling", message)


def tally(reasons: Iterable[str]) -> str:
    """`1 Insufficient cpu, 2 Too many pods`: how many nodes have each reason."""
    return ", ".join(sorted(f"{count} {reason}" for reason, count in Counter(reasons).items()))

"""Imitates disruptions of Pods: the Eviction API, taints, and the removal of a node.

There are no PodDisruptionBudgets, so no eviction has to wait. The Pods of a removed node are ended at once; a real
cluster waits 40 s for the node. A toleration has no time limit, whatever its tolerationSeconds.
"""

from __future__ import annotations

from localgke.decoding import decode
from localgke.deletion import check_preconditions, delete_as_asked
from localgke.errors import ApiError
from localgke.objects import NODES, PODS, TERMINAL, condition, delete, is_active, set_condition
from localgke.resources import Resource, Target
from localgke.store import Object, Store, now

EVICTION = Resource("policy", "evictions", "Eviction", ())
# The taint of a preempted machine: its kubelet ends its Pods, and then the node is removed.
SHUTDOWN_TAINT = "cloud.google.com/impending-node-termination"
SHUTDOWN_SECONDS = 15  # for its Pods
SHUTDOWN_MESSAGE = "Pod was terminated in response to imminent node shutdown."
UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def evict(store: Store, target: Target, body: object) -> Object:
    """Marks a Pod as disrupted and deletes it; returns the Status of the answer.

    Raises BadRequest, NotFound, Conflict.
    """
    eviction = decode(EVICTION, body)
    if eviction["metadata"].get("name") != target.name:
        raise ApiError("BadRequest", "name in URL does not match name in Eviction object")
    options = eviction.get("deleteOptions", {})
    pod = store.get(PODS, target.namespace, target.name)
    check_preconditions(pod, options.pop("preconditions", {}))
    set_condition(pod, "DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting")
    store.update(PODS, pod)
    delete_as_asked(store, target, options)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def taint_cordoned(store: Store) -> None:
    """Taints cordoned nodes. Call it whenever a node has changed."""
    for node in store.list(NODES):
        spec = node["spec"]
        others = [taint for taint in spec.get("taints", []) if taint["key"] != UNSCHEDULABLE["key"]]
        if bool(spec.get("unschedulable")) != (others != spec.get("taints", [])):
            taints = others + ([{**UNSCHEDULABLE, "timeAdded": now()}] if spec.get("unschedulable") else [])
            node["spec"] = {**spec, "taints": taints}
            store.update(NODES, node)


def end_homeless(store: Store) -> None:
    """Ends Pods that do not tolerate a taint of their node, or whose node is removed. Call it after a node changed."""
    taints = {node["metadata"]["name"]: node["spec"].get("taints", []) for node in store.list(NODES)}
    for pod in store.list(PODS):
        node = pod["spec"].get("nodeName")
        if not node or not is_active(pod):
            continue
        if node not in taints:
            pod["status"]["phase"] = "Failed"
            set_condition(pod, "DisruptionTarget", "True", "DeletionByPodGC", "PodGC: node no longer exists")
            delete(store, store.update(PODS, pod), grace=0)
        elif any(taint["effect"] == "NoExecute" and not tolerates(pod, taint) for taint in taints[node]):
            message = "Taint manager: deleting due to NoExecute taint"
            set_condition(pod, "DisruptionTarget", "True", "DeletionByTaintManager", message)
            delete(store, store.update(PODS, pod))


def shut_down(store: Store) -> None:
    """Ends the Pods of preempted nodes, then removes the nodes. Call it whenever a Pod or a node has changed."""
    for node in store.list(NODES):
        if not any(taint["key"] == SHUTDOWN_TAINT for taint in node["spec"].get("taints", [])):
            continue
        name = node["metadata"]["name"]
        pods = [pod for pod in store.list(PODS) if pod["spec"].get("nodeName") == name]
        pods = [pod for pod in pods if pod["status"]["phase"] not in TERMINAL]
        for pod in pods:
            if not is_shut_down(pod):
                set_condition(pod, "DisruptionTarget", "True", "TerminationByKubelet", SHUTDOWN_MESSAGE)
                pod["status"].update(reason="Terminated", message=SHUTDOWN_MESSAGE)
                store.update(PODS, pod)
        if not pods:
            delete(store, node)


def is_shut_down(pod: Object) -> bool:
    """Returns whether the kubelet ends the Pod because its node shuts down."""
    found = condition(pod, "DisruptionTarget")
    return found is not None and found["reason"] == "TerminationByKubelet"


def tolerates(pod: Object, taint: Object) -> bool:
    """Returns whether one of the Pod's tolerations is for that taint."""
    return any(_matches(toleration, taint) for toleration in pod["spec"].get("tolerations", []))


def _matches(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return not toleration.get("key") or bool(toleration["key"] == taint["key"])
    key, value = toleration.get("key"), toleration.get("value", "")
    return bool(key == taint["key"] and value == taint.get("value", ""))

"""Imitates what `kubectl drain` is made of: the Eviction API, and the taint of a cordoned node.

There are no PodDisruptionBudgets, so no eviction has to wait.
"""

from __future__ import annotations

from localgke.decoding import decode
from localgke.deletion import check_preconditions, delete_as_asked
from localgke.errors import ApiError
from localgke.objects import NODES, PODS, set_condition
from localgke.resources import Resource, Target
from localgke.store import Object, Store, now

EVICTION = Resource("policy", "evictions", "Eviction", ())
UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def evict(store: Store, target: Target, body: object) -> Object:
    """Marks a Pod as disrupted and deletes it; the Status that the API server answers with.

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
    """Call it whenever a node has changed."""
    for node in store.list(NODES):
        spec = node["spec"]
        others = [taint for taint in spec.get("taints", []) if taint["key"] != UNSCHEDULABLE["key"]]
        if bool(spec.get("unschedulable")) != (others != spec.get("taints", [])):
            taints = others + ([{**UNSCHEDULABLE, "timeAdded": now()}] if spec.get("unschedulable") else [])
            node["spec"] = {**spec, "taints": taints}
            store.update(NODES, node)

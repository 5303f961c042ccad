"""Imitates what the controllers of Kubernetes have in common: conditions, events, owners, deletion."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from localgke import deletion
from localgke.resources import BY_KIND
from localgke.store import Object, Store, now

PODS, JOBS, NODES = "pods", "jobs.batch", "nodes"
TERMINAL = ("Succeeded", "Failed")
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


def condition(obj: Object, kind: str) -> Object | None:
    """Returns the condition of that type, or None."""
    return next((item for item in obj.get("status", {}).get("conditions", []) if item["type"] == kind), None)


def is_true(obj: Object, kind: str) -> bool:
    """Returns whether the object has that condition with status True."""
    found = condition(obj, kind)
    return found is not None and found["status"] == "True"


def set_condition(obj: Object, kind: str, status: str, reason: str = "", message: str = "") -> bool:
    """Sets a condition in `obj` (not in the store). Returns whether anything changed."""
    conditions = obj.setdefault("status", {}).setdefault("conditions", [])
    old = condition(obj, kind)
    probed = now() if obj.get("kind") == "Job" else None
    new = {"type": kind, "status": status, "lastProbeTime": probed, "lastTransitionTime": now()}
    new.update({key: text for key, text in (("reason", reason), ("message", message)) if text})
    if old is None:
        conditions.append(new)
        return True
    if old["status"] == status:
        new["lastTransitionTime"] = old["lastTransitionTime"]
    conditions[conditions.index(old)] = new
    return old != new


def is_active(pod: Object) -> bool:
    """Returns whether a Pod has not ended and is not being deleted."""
    return pod["status"]["phase"] not in TERMINAL and "deletionTimestamp" not in pod["metadata"]


def record(
    store: Store, obj: Object, component: str, kind: str, reason: str, message: str, container: str = ""
) -> None:
    """Records an event about `obj`, or a container of that Pod; a repeated event increments its count.

    `kind`: Normal or Warning.

    As on a real cluster, the names of events about one object sort by time.
    """
    meta = obj["metadata"]
    namespace = meta.get("namespace", "default")
    about = {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "namespace": namespace}
    about |= {"name": meta["name"], "uid": meta["uid"]}
    about |= {"fieldPath": f"spec.containers{{{container}}}"} if container else {}
    new = {"involvedObject": about, "reason": reason, "message": message, "type": kind}
    same = store.list("events", namespace, lambda event: event.items() >= new.items())
    if same:
        store.update("events", {**same[0], "count": same[0]["count"] + 1, "lastTimestamp": now()})
        return
    times = {"eventTime": None, "firstTimestamp": now(), "lastTimestamp": now(), "count": 1}
    source = {"source": {"component": component}, "reportingComponent": component, "reportingInstance": ""}
    name = {"name": f"{meta['name']}.{time.time_ns():x}", "namespace": namespace}
    store.create("events", {"apiVersion": "v1", "kind": "Event", "metadata": name, **new, **source, **times})


def delete(store: Store, obj: Object, policy: str = "Background", grace: int | None = None) -> None:
    """Requests the deletion of an object as a client of the API does. `policy`: Background, Foreground or Orphan.

    `grace`: seconds until a Pod must stop, by default of its spec.
    """
    meta = obj["metadata"]
    resource = BY_KIND[obj["apiVersion"], obj["kind"]].name
    finalizer = deletion.FINALIZERS[policy]
    deletion.delete(store, resource, meta.get("namespace", ""), meta["name"], grace=grace, finalizer=finalizer)


def without_finalizer(obj: Object, finalizer: str) -> Object:
    """Returns the object without that finalizer, for `Store.update`."""
    meta = obj["metadata"]
    meta["finalizers"] = [name for name in meta.get("finalizers", []) if name != finalizer]
    if not meta["finalizers"]:
        del meta["finalizers"]
    return obj


def seconds_until(start: str, seconds: float) -> float:
    """Returns the seconds until `seconds` after `start` (RFC 3339), at least 0."""
    began = datetime.fromisoformat(start.replace("Z", "+00:00"))
    return max(0.0, seconds - (datetime.now(timezone.utc) - began).total_seconds())

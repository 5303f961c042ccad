"""Imitates the immediate part of a deletion: preconditions, finalizers, grace periods. The controllers do the rest."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from localgke.errors import ApiError, conflict, not_imitated
from localgke.resources import Target
from localgke.store import Object, Store

FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan", "Background": ""}
PRECONDITIONS = {"uid": ("UID", "deleted and then recreated"), "resourceVersion": ("ResourceVersion", "modified")}
OPTIONS = {"kind", "apiVersion", "gracePeriodSeconds", "preconditions", "propagationPolicy"}


def delete(
    store: Store,
    resource: str,
    namespace: str,
    name: str,
    *,
    grace: int | None = None,
    finalizer: str = "",
    preconditions: dict[str, str] | None = None,
) -> Object:
    """Requests the deletion of an object, and returns it. It is removed at once, or when its finalizers (`finalizer` is
    added to them) are removed and, for a running Pod, the kubelet has stopped it.

    `grace`: seconds until a Pod must stop, by default of its spec. A second call can only shorten it.
    `preconditions`: the uid and the resourceVersion that the object must have. Raises NotFound, Conflict.
    """
    obj = store.get(resource, namespace, name)
    meta = obj["metadata"]
    check_preconditions(obj, preconditions or {})
    if finalizer and finalizer not in meta.get("finalizers", ()):
        meta["finalizers"] = [*meta.get("finalizers", ()), finalizer]
    seconds = _grace_seconds(obj, grace) if resource == "pods" else 0
    if "deletionTimestamp" not in meta or seconds < meta["deletionGracePeriodSeconds"]:
        end = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        meta["deletionTimestamp"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
        meta["deletionGracePeriodSeconds"] = seconds
    return store.update(resource, obj)


def has_ended(meta: Object) -> None:
    """Removes the grace period from an object that is being deleted, because nothing of it runs any more.

    As on a real cluster, this moves its deletionTimestamp back by the grace period.
    """
    end = datetime.fromisoformat(meta["deletionTimestamp"].replace("Z", "+00:00"))
    end -= timedelta(seconds=meta["deletionGracePeriodSeconds"])
    meta.update(deletionTimestamp=end.strftime("%Y-%m-%dT%H:%M:%SZ"), deletionGracePeriodSeconds=0)


def check_preconditions(obj: Object, preconditions: dict[str, str]) -> None:
    """Raises Conflict for an object without the required uid and resourceVersion."""
    meta, group = obj["metadata"], obj["apiVersion"].rpartition("/")[0]
    for field, (name, cause) in PRECONDITIONS.items():
        if preconditions.get(field, meta[field]) != meta[field]:
            why = f"the {name} in the precondition ({preconditions[field]}) does not match the {name} in record"
            kind = f"{obj['kind']}.{group}".rstrip(".")
            raise conflict(kind, meta["name"], f"{why} ({meta[field]}). The object might have been {cause}")


def delete_as_asked(store: Store, target: Target, options: dict[str, Any]) -> Object:
    """Answers a DELETE request with these DeleteOptions: with the object while it still exists, otherwise a Status.

    Raises what `delete` raises, Invalid and NotImplemented for other options.
    """
    if options.keys() - OPTIONS:
        raise not_imitated(f"the delete option {', '.join(sorted(options.keys() - OPTIONS))}")
    resource, where = target.resource, (target.resource.name, target.namespace, target.name)
    # The default of batch/v1, kept for old clients: Pods are orphaned.
    policy = options.get("propagationPolicy") or ("Orphan" if resource.kind == "Job" else "Background")
    if policy not in FINALIZERS:
        message = f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "{policy}"'
        raise ApiError("Invalid", message)
    obj = delete(
        store,
        *where,
        grace=options.get("gracePeriodSeconds"),
        finalizer=FINALIZERS[policy],
        preconditions=options.get("preconditions"),
    )
    if store.find(*where):
        return obj
    details = {"name": target.name, "group": resource.group, "kind": resource.plural, "uid": obj["metadata"]["uid"]}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _grace_seconds(pod: Object, asked: int | None) -> int:
    """Returns the grace period of a Pod in seconds: 0 without a node or when it has ended, since no container runs."""
    if not pod["spec"].get("nodeName") or pod["status"]["phase"] in ("Succeeded", "Failed"):
        return 0
    return int(pod["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked)

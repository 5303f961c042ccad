"""Imitates what DELETE does at once: preconditions, finalizers, grace periods. The controllers do the rest."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from localgke.errors import ApiError, conflict, not_imitated
from localgke.resources import Target
from localgke.store import Object, Store

FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan", "Background": ""}


def delete(store: Store, target: Target, options: dict[str, Any]) -> tuple[Object, list[str]]:
    """Deletes one object, or marks it as to be deleted; `options` is the body of the request over its query.

    The answer is the object while something still holds it (a finalizer, a Pod's grace period), else a Status.
    Raises NotFound, Conflict for a failed precondition, BadRequest for options that cannot be.
    """
    resource, name = target.resource, target.name
    obj = store.get(resource.name, target.namespace, name)
    meta = obj["metadata"]
    _check_preconditions(resource.name, meta, options.get("preconditions") or {})
    if "orphanDependents" in options:
        raise not_imitated("the delete option orphanDependents; propagationPolicy took its place")
    policy, warnings = options.get("propagationPolicy"), []
    if policy is None and resource.kind == "Job":
        # The default of batch/v1, kept for the sake of old clients: Pods stay behind.
        policy = "Orphan"
        warnings = [
            "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove "
            "them or set propagationPolicy=Orphan to suppress this warning"
        ]
    if policy not in (None, *FINALIZERS):
        message = f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "{policy}"'
        raise ApiError("Invalid", message)
    finalizer = FINALIZERS.get(policy or "Background", "")
    if finalizer and finalizer not in meta.get("finalizers", ()):
        meta.setdefault("finalizers", []).append(finalizer)
    grace = _grace_seconds(obj, options) if resource.kind == "Pod" else 0
    if not grace and not meta.get("finalizers"):
        gone = store.remove(resource.name, target.namespace, name)
        return (gone if resource.kind == "Pod" else _success(target, meta["uid"])), warnings
    if "deletionTimestamp" not in meta or grace < meta.get("deletionGracePeriodSeconds", 0):
        end = datetime.now(timezone.utc) + timedelta(seconds=grace)
        meta["deletionTimestamp"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
        meta["deletionGracePeriodSeconds"] = grace
    return store.update(resource.name, obj), warnings


def _check_preconditions(resource: str, meta: Object, preconditions: dict[str, str]) -> None:
    for field, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted = preconditions.get(field)
        if wanted and wanted != meta[field]:
            why = f"Precondition failed: {word} in precondition: {wanted}, {word} in object meta: {meta[field]}"
            raise conflict(resource, meta["name"], why)


def _grace_seconds(pod: Object, options: dict[str, Any]) -> int:
    """How long the kubelet lets the containers finish; none runs in a Pod without a node, or in an ended one."""
    if not pod["spec"].get("nodeName") or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    asked = options.get("gracePeriodSeconds")
    return int(pod["spec"]["terminationGracePeriodSeconds"] if asked is None else asked)


def _success(target: Target, uid: str) -> Object:
    details = {"name": target.name, "kind": target.resource.plural, "uid": uid}
    if target.resource.group:
        details["group"] = target.resource.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

"""Imitates the garbage collector: it handles objects whose owner is deleted or being deleted.

Background: objects are deleted once every owner is deleted. Foreground: a finalizer keeps the owner until the objects
that block its deletion are deleted. Orphan: the objects lose the reference to the owner and stay. As with the Pod
garbage collector, a Pod that is deleted before it has a node fails, because no kubelet will report its end.
"""

from __future__ import annotations

from localgke.objects import FOREGROUND, JOBS, ORPHAN, PODS, TERMINAL, delete, without_finalizer
from localgke.store import Object, Store

RESOURCES = (JOBS, PODS, "configmaps", "secrets", "services")


def sync(store: Store) -> None:
    """Call it whenever an object of RESOURCES has changed."""
    found = [(resource, obj) for resource in RESOURCES for obj in store.list(resource)]
    staying = {obj["metadata"]["uid"] for _, obj in found if not _ends_with(obj, FOREGROUND)}
    for _, obj in found:
        owners = _owners(obj)
        if owners and not staying.intersection(owners) and "deletionTimestamp" not in obj["metadata"]:
            delete(store, obj)
    for resource, owner in found:
        uid = owner["metadata"]["uid"]
        dependants = [(kind, obj) for kind, obj in found if uid in _owners(obj)]
        if _ends_with(owner, ORPHAN):
            for kind, obj in dependants:
                references = obj["metadata"]["ownerReferences"]
                obj["metadata"]["ownerReferences"] = [item for item in references if item["uid"] != uid]
                obj.update(store.update(kind, obj))
            store.update(resource, without_finalizer(owner, ORPHAN))
        elif _ends_with(owner, FOREGROUND) and not any(_owners(obj)[uid] for _, obj in dependants):
            store.update(resource, without_finalizer(owner, FOREGROUND))

    for pod in store.list(PODS):
        deleted = "deletionTimestamp" in pod["metadata"]
        if deleted and "nodeName" not in pod["spec"] and pod["status"]["phase"] not in TERMINAL:
            pod["status"]["phase"] = "Failed"
            store.update(PODS, pod)


def _owners(obj: Object) -> dict[str, bool]:
    """Returns the uid of each owner, and whether the object blocks its deletion."""
    references = obj["metadata"].get("ownerReferences", [])
    return {item["uid"]: item.get("blockOwnerDeletion", False) for item in references}


def _ends_with(obj: Object, finalizer: str) -> bool:
    """Returns whether the object is being deleted and `finalizer` says how."""
    meta = obj["metadata"]
    return "deletionTimestamp" in meta and finalizer in meta.get("finalizers", [])

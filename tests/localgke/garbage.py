"""Imitates the garbage collector: what becomes of objects whose owner is gone or going.

Background: they are deleted once every owner is gone. Foreground: the owner waits, by a finalizer, until those that
block its deletion are gone. Orphan: they lose the reference to the owner and stay.
"""

from __future__ import annotations

from localgke.objects import FOREGROUND, JOBS, ORPHAN, PODS, delete, without_finalizer
from localgke.store import Object, Store

WATCHED = (JOBS, PODS, "configmaps", "secrets", "services")


def sync(store: Store) -> None:
    """Call it whenever an object of WATCHED has changed."""
    found = [(resource, obj) for resource in WATCHED for obj in store.list(resource)]
    by_uid = {obj["metadata"]["uid"]: obj for _, obj in found}
    dependants: dict[str, list[tuple[str, Object]]] = {uid: [] for uid in by_uid}
    for resource, obj in found:
        owners = obj["metadata"].get("ownerReferences", [])
        for owner in owners:
            dependants.setdefault(owner["uid"], []).append((resource, obj))
        alive = [by_uid[owner["uid"]] for owner in owners if owner["uid"] in by_uid]
        if (
            owners
            and "deletionTimestamp" not in obj["metadata"]
            and all(_ends_first(owner, FOREGROUND) for owner in alive)
        ):
            delete(store, resource, obj)
    for resource, obj in found:
        if _ends_first(obj, ORPHAN):
            for kind, dependant in dependants[obj["metadata"]["uid"]]:
                _disown(store, kind, dependant, obj)
            store.update(resource, without_finalizer(obj, ORPHAN))
        elif _ends_first(obj, FOREGROUND) and not any(
            _blocks(dep, obj) for _, dep in dependants[obj["metadata"]["uid"]]
        ):
            store.update(resource, without_finalizer(obj, FOREGROUND))


def _ends_first(obj: Object, finalizer: str) -> bool:
    """Whether the object is being deleted and `finalizer` says how."""
    meta = obj["metadata"]
    return "deletionTimestamp" in meta and finalizer in meta.get("finalizers", [])


def _blocks(dependant: Object, owner: Object) -> bool:
    references = dependant["metadata"]["ownerReferences"]
    return any(ref["uid"] == owner["metadata"]["uid"] and ref.get("blockOwnerDeletion") for ref in references)


def _disown(store: Store, resource: str, dependant: Object, owner: Object) -> None:
    meta = dependant["metadata"]
    meta["ownerReferences"] = [ref for ref in meta["ownerReferences"] if ref["uid"] != owner["metadata"]["uid"]]
    store.update(resource, dependant)

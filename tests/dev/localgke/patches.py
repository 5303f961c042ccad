"""Imitates the patches of kubectl apply, annotate, label and patch: strategic merge and JSON merge (RFC 7396)."""

from __future__ import annotations

import copy
from typing import Any

from localgke.errors import ApiError, not_imitated
from localgke.store import Object

# The patchMergeKey of each list that merges element by element; all other lists are replaced as a whole.
MERGE_KEYS = {
    "containers": "name",
    "env": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "ports": "port",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
ORDER = "$setElementOrder/"
KEEP = "$retainKeys"


def apply(content_type: str, obj: Object, patch: Any) -> Object:
    """Returns the patched object. Raises BadRequest, and NotImplemented for another type or directive."""
    types = ("application/merge-patch+json", "application/strategic-merge-patch+json")
    if content_type not in types:
        raise not_imitated(f"a patch of type {content_type}, but {' and '.join(types)}")
    if not isinstance(patch, dict):
        raise ApiError("BadRequest", "a merge patch must be an object")
    return _merge(copy.deepcopy(obj), patch, strategic=content_type == types[1])


def _merge(target: Object, patch: Object, *, strategic: bool) -> Object:
    if strategic and KEEP in patch:
        target = {key: value for key, value in target.items() if key in patch[KEEP]}
    for key, value in patch.items():
        old = target.get(key)
        if strategic and key.startswith("$"):
            if key != KEEP and not key.startswith(ORDER):
                raise not_imitated(f"the patch directive {key}")
        elif value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            target[key] = _merge(old if isinstance(old, dict) else {}, value, strategic=strategic)
        elif strategic and key == "finalizers":
            target[key] = list(dict.fromkeys([*(old or []), *value]))
        elif strategic and key in MERGE_KEYS:
            target[key] = _merge_list(MERGE_KEYS[key], old or [], value, patch.get(ORDER + key, []))
        else:
            target[key] = value
    return target


def _merge_list(key: str, old: list[Object], patch: list[Object], order: list[Object]) -> list[Object]:
    merged = {item[key]: item for item in old}
    for item in patch:
        if key not in item:
            raise ApiError("BadRequest", f"map: {item} does not contain declared merge key: {key}")
        if item.get("$patch") == "delete":
            merged.pop(item[key], None)
        else:
            merged[item[key]] = _merge(merged.get(item[key], {}), item, strategic=True)
    places = {item[key]: place for place, item in enumerate(order)}
    return sorted(merged.values(), key=lambda item: places.get(item[key], len(places)))

"""Imitates the patches that kubectl sends: strategic merge, JSON merge (RFC 7396) and JSON patch (RFC 6902)."""

from __future__ import annotations

import copy
from typing import Any

from localgke.errors import ApiError, not_imitated
from localgke.store import Object

# The patchMergeKey of each list that merges element by element; all other lists are replaced as a whole.
MERGE_KEYS = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
PRIMITIVE_LISTS = ("finalizers",)


def apply(content_type: str, obj: Object, patch: Any) -> Object:
    """The object with the patch applied. Raises BadRequest, Invalid, or UnsupportedMediaType for another type."""
    if content_type == "application/json-patch+json":
        if not isinstance(patch, list):
            raise ApiError("BadRequest", "a JSON patch must be a list of operations")
        return _json_patch(copy.deepcopy(obj), patch)
    merges = {"application/merge-patch+json": _merge, "application/strategic-merge-patch+json": _strategic}
    if content_type not in merges:
        raise unsupported_media_type("application/json-patch+json", *merges)
    if not isinstance(patch, dict):
        raise ApiError("BadRequest", "a merge patch must be an object")
    return merges[content_type](copy.deepcopy(obj), patch)


def unsupported_media_type(*accepted: str) -> ApiError:
    """The error for a body in a form that the server does not read."""
    listed = ", ".join(accepted)
    return ApiError(
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {listed}",
    )


def _merge(target: Object, patch: Object) -> Object:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            old = target.get(key)
            target[key] = _merge(old if isinstance(old, dict) else {}, value)
        else:
            target[key] = value
    return target


def _strategic(target: Object, patch: Object) -> Object:
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    if "$retainKeys" in patch:
        target = {key: value for key, value in target.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            target[name] = [item for item in target.get(name, []) if item not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            old = target.get(key)
            target[key] = _strategic(old if isinstance(old, dict) else {}, value)
        elif isinstance(value, list) and key in PRIMITIVE_LISTS:
            target[key] = list(dict.fromkeys([*target.get(key, []), *value]))
        elif isinstance(value, list) and key in MERGE_KEYS:
            order = patch.get(f"$setElementOrder/{key}", [])
            target[key] = _merge_list(MERGE_KEYS[key], target.get(key, []), value, order)
        else:
            target[key] = value
    return target


def _merge_list(keys: tuple[str, ...], old: list[Object], patch: list[Object], order: list[Object]) -> list[Object]:
    def identity(item: Object) -> Any:
        return next((item[key] for key in keys if key in item), None)

    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    merged = {identity(item): item for item in old}
    for item in patch:
        if identity(item) is None:
            raise ApiError("BadRequest", f"map: {item} does not contain declared merge key: {keys[0]}")
        if item.get("$patch") == "delete":
            merged.pop(identity(item), None)
        else:
            merged[identity(item)] = _strategic(merged.get(identity(item), {}), item)
    places = {identity(item): place for place, item in enumerate(order)}
    return sorted(merged.values(), key=lambda item: places.get(identity(item), len(places)))


def _json_patch(obj: Object, patch: list[Object]) -> Object:
    document = {"": obj}
    try:
        for operation in patch:
            _operate(document, operation)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise ApiError("Invalid", f"the JSON patch cannot be applied: {error!r}") from None
    return document[""]


def _operate(document: dict[str, Any], operation: Object) -> None:
    name, *steps = ("" + operation["path"]).split("/")
    path = [name, *(step.replace("~1", "/").replace("~0", "~") for step in steps)]
    place: Any = document
    for step in path[:-1]:
        place = place[int(step)] if isinstance(place, list) else place[step]
    last: Any = path[-1]
    if isinstance(place, list):
        last = len(place) if last == "-" else int(last)
    kind = operation["op"]
    if kind == "add" and isinstance(place, list):
        place.insert(last, operation["value"])
    elif kind == "add":
        place[last] = operation["value"]
    elif kind == "replace":
        place[last]  # must exist
        place[last] = operation["value"]
    elif kind == "remove":
        del place[last]
    elif kind != "test":
        raise not_imitated(f'the JSON patch operation "{kind}"')
    elif place[last] != operation["value"]:
        raise ApiError("Invalid", f"the JSON patch test failed: {operation['path']}")

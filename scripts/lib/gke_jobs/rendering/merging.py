"""Merges a part of a manifest into another by the rules of Kubernetes' strategic merge patch.

A mapping is merged key by key, and null removes a key. A list replaces the other, unless its field has a merge key:
then items with the same key are merged, and new ones come last. `$patch: replace` in a mapping replaces the other;
`$patch: delete` in an item of such a list removes the item with its key. The other directives of kubectl are refused.
Source: the fields patchStrategy and patchMergeKey of PodSpec and Container in the Kubernetes API, 1.35.
"""

from __future__ import annotations

from gke_jobs.rendering.values import Json, without_null

MERGE_KEYS = {
    **dict.fromkeys(("containers", "initContainers", "ephemeralContainers", "volumes", "imagePullSecrets"), "name"),
    **dict.fromkeys(("env", "resourceClaims", "schedulingGates"), "name"),
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "topologySpreadConstraints": "topologyKey",
    "hostAliases": "ip",
}
PATCH = "$patch"


class MergeError(Exception):
    """A part cannot be merged; the message names the field and the reason."""


def merge(base: dict[str, Json], part: Json, path: str = "") -> dict[str, Json]:
    """Return `base` with `part` merged into it. path: of the mapping, for errors."""
    if not isinstance(part, dict):
        raise MergeError(f"{path or 'it'} is not a mapping")
    directives = {key: value for key, value in part.items() if key.startswith("$")}
    fields = {key: value for key, value in part.items() if not key.startswith("$")}
    if directives == {PATCH: "replace"}:
        return dict(without_null(fields))
    if directives:
        raise MergeError(
            f"{path or 'it'} has {', '.join(sorted(directives))}: only {PATCH}: replace or delete is supported"
        )
    merged = dict(base)
    for key, value in fields.items():
        here = f"{path}.{key}" if path else key
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            before = base.get(key)
            merged[key] = merge(before if isinstance(before, dict) else {}, value, here)
        elif isinstance(value, list) and key in MERGE_KEYS and isinstance(base.get(key, []), list):
            merged[key] = _merge_lists(base.get(key, []), value, MERGE_KEYS[key], here)
        else:
            merged[key] = without_null(value)
    return merged


def _merge_lists(base: list[Json], part: list[Json], key: str, path: str) -> list[Json]:
    merged = list(base)
    for index, item in enumerate(part):
        here = f"{path}[{index}]"
        if not isinstance(item, dict) or key not in item:
            raise MergeError(f"{here} has no {key}, the merge key of its list")
        places = [n for n, other in enumerate(merged) if isinstance(other, dict) and other.get(key) == item[key]]
        if item.get(PATCH) == "delete":
            merged = [other for n, other in enumerate(merged) if n not in places]
        elif places:
            merged[places[0]] = merge(merged[places[0]], item, here)
        else:
            merged.append(merge({}, item, here))
    return merged

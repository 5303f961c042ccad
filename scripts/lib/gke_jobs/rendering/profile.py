"""One profile: its fields, which the head of templates/profiles.yaml documents, and its form in templates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from math import prod
from typing import NamedTuple

from gke_jobs.quantities import quantity
from gke_jobs.rendering.tpu_slice import CHIPS, TOPOLOGY
from gke_jobs.rendering.values import Json

GKE = "cloud.google.com/"
GPU = "nvidia.com/gpu"
TPU_LABELS = ("accelerator", "topology")  # cloud.google.com/gke-tpu-...
CLOUD_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")  # name of a reservation or a project; also valid as a label

# https://cloud.google.com/kubernetes-engine/docs/concepts/dws: a flex-start node runs for at most seven days.
FLEX_START_SECONDS = 7 * 24 * 3600

Profile = dict[str, Json]

# The profile in a template if none was requested.
NO_PROFILE: Profile = {
    "name": None,
    "node_selector": {},
    "tolerations": [],
    "resources": {},
    "max_run_seconds": None,
    "gpu_count": None,
}


class Problem(NamedTuple):
    """Why a profile is refused: the error, and what to do."""

    what: str
    fix: str


def is_text(value: Json) -> bool:
    """Whether the value is a text that is not empty."""
    return isinstance(value, str) and value != ""


def is_quantity(value: Json) -> bool:
    """Whether the value is a quantity of Kubernetes that is not negative."""
    number = quantity(value)
    return number is not None and number >= 0


def is_mapping(value: Json, **fields: Callable[[Json], bool]) -> bool:
    """Whether the value is a mapping with keys of `fields` only, whose values pass their checks."""
    return isinstance(value, dict) and all(key in fields and fields[key](item) for key, item in value.items())


def _is_number(value: Json) -> bool:
    return type(value) is int and value > 0


def _is_flag(value: Json) -> bool:
    return isinstance(value, bool)


def _is_cloud_name(value: Json) -> bool:
    return isinstance(value, str) and CLOUD_NAME.fullmatch(value) is not None


def _is_resources(value: Json) -> bool:
    def are_quantities(given: Json) -> bool:
        return isinstance(given, dict) and all(map(is_quantity, given.values()))

    return is_mapping(value, requests=are_quantities, limits=are_quantities)


def _is_tpu(value: Json) -> bool:
    def is_topology(given: Json) -> bool:
        return isinstance(given, str) and TOPOLOGY.fullmatch(given) is not None

    return is_mapping(value, accelerator=is_text, topology=is_topology, chips=_is_number) and "chips" in value


# The type of each field of a profile, as text and as a check.
FIELDS: dict[str, tuple[str, Callable[[Json], bool]]] = {
    "resources": (
        "a mapping with requests and limits, each a mapping of resource to quantity, e.g. 500m or 12Gi",
        _is_resources,
    ),
    "gpu": (
        "a mapping with type (GKE's name of the accelerator), count (an integer above 0), or both",
        lambda value: value != {} and is_mapping(value, type=is_text, count=_is_number),
    ),
    "tpu": ("a mapping with accelerator, topology (e.g. 2x4) and chips (an integer above 0)", _is_tpu),
    "spot": ("true or false", _is_flag),
    "flex_start": ("true or false", _is_flag),
    "reservation": (
        "a mapping with name and, for a shared reservation, project: lower-case letters, digits and dashes, not a path",
        lambda value: is_mapping(value, name=_is_cloud_name, project=_is_cloud_name) and "name" in value,
    ),
    "local_ssd": ("a quantity, e.g. 300Gi", is_quantity),
    "compute_class": ("the name of a ComputeClass", is_text),
    "node_selector": (
        "a mapping of label to text",
        lambda value: isinstance(value, dict) and all(isinstance(text, str) for text in value.values()),
    ),
    "tolerations": (
        "a list of tolerations, each a mapping as in Kubernetes",
        lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
    ),
    "max_run_seconds": ("an integer above 0", _is_number),
    "next": ("the name of a profile", is_text),
    "fallback": ("the name of another profile", is_text),
    "fallback_after": ("an integer above 0", _is_number),
}

# Each of these fields determines the source of capacity, so a profile may have only one. NAME-spot adds spot.
CAPACITY = ("spot", "flex_start", "reservation")


def check_profile(profile: Json) -> Problem | None:
    """Return why a profile is invalid, None if it is as documented."""
    if not isinstance(profile, dict):
        return Problem("is not a mapping", f"write a mapping with the fields {', '.join(FIELDS)}")
    for field, value in profile.items():
        if field not in FIELDS:
            return Problem(f"has an unknown field {field}", f"use only {', '.join(FIELDS)}")
        words, check = FIELDS[field]
        if not check(value):
            return Problem(f"has an invalid {field}{_culprit(value, check)}", f"{field} must be {words}")
    return _check_together(profile)


def _culprit(value: Json, check: Callable[[Json], bool]) -> str:
    """Return the invalid part of a field, such as `.limits.memory: "4GB"`: without or with another one it is valid."""
    if not isinstance(value, dict):
        return f": {json.dumps(value, ensure_ascii=False)[:50]}"
    for key, item in value.items():
        others = {name: other for name, other in value.items() if name != key}
        passes = partial(_passes, check, others, key)
        if check(others) or passes(1) or passes("a"):
            return f".{key}{_culprit(item, passes)}"
    return ""


def _passes(check: Callable[[Json], bool], others: dict[str, Json], key: str, part: Json) -> bool:
    return check(others | {key: part})


def conflict_with_spot(profile: Profile) -> str:
    """Return the field that excludes spot nodes, '' for none."""
    return next((field for field in ("compute_class", "flex_start", "reservation") if profile.get(field)), "")


def _check_together(profile: Profile) -> Problem | None:
    gpu, tpu = profile.get("gpu", {}), profile.get("tpu", {})
    capacity = [field for field in CAPACITY if profile.get(field)]
    if "compute_class" in profile:
        of_nodes = {"gpu.type": gpu.get("type"), "local_ssd": profile.get("local_ssd")}
        of_nodes |= {f"tpu.{field}": tpu.get(field) for field in TPU_LABELS}
        for field in [*capacity, *(field for field, given in of_nodes.items() if given)]:
            return Problem(f"has compute_class and {field}, but the ComputeClass selects the nodes", f"remove {field}")
    elif tpu and not all(field in tpu for field in TPU_LABELS):
        return Problem("has a tpu without accelerator or topology", "set both, or a ComputeClass that selects them")
    if gpu and tpu:
        return Problem("has gpu and tpu, but no machine has both", "remove one")
    if "topology" in tpu and (chips := prod(map(int, tpu["topology"].split("x")))) % tpu["chips"]:
        return Problem(
            f"has a tpu topology of {chips} chips, which is not a multiple of the {tpu['chips']} chips of a Pod",
            "set chips to the number of one machine",
        )
    if len(capacity) > 1:
        return Problem(f"has {capacity[0]} and {capacity[1]}, but a node can have only one of them", "remove one")
    if profile.get("flex_start") and profile.get("max_run_seconds", 0) > FLEX_START_SECONDS:
        return Problem(
            f"has flex_start and max_run_seconds {profile['max_run_seconds']}, "
            "but a flex-start node runs for at most seven days",
            f"set max_run_seconds to at most {FLEX_START_SECONDS}",
        )
    return None


def resolve(name: str, profile: Profile) -> Profile:
    """Return the form of a profile in templates: with every field, empty if the profile lacks it."""
    selector: dict[str, str] = {}
    tolerations: list[Json] = []
    requests, limits = (dict(profile.get("resources", {}).get(key, {})) for key in ("requests", "limits"))
    gpu_count = profile["gpu"].get("count", 1) if "gpu" in profile else None

    def take(label: str, value: str, *, tainted: bool) -> None:
        selector[f"{GKE}{label}"] = value
        if tainted:
            tolerations.append(_taint(f"{GKE}{label}", value))

    def request(resource: str, count: int) -> None:
        tolerations.append(_taint(resource, "present"))
        requests[resource] = limits[resource] = str(count)

    if "compute_class" in profile:
        take("compute-class", profile["compute_class"], tainted=True)
    if gpu_count:
        if "type" in profile["gpu"]:
            take("gke-accelerator", profile["gpu"]["type"], tainted=False)
        request(GPU, gpu_count)
    if "tpu" in profile:
        for field in TPU_LABELS:
            if field in profile["tpu"]:
                take(f"gke-tpu-{field}", profile["tpu"][field], tainted=False)
        request(CHIPS, profile["tpu"]["chips"])
    if profile.get("spot"):
        take("gke-spot", "true", tainted=True)
    if profile.get("flex_start"):
        take("gke-flex-start", "true", tainted=False)
    if "reservation" in profile:
        take("reservation-name", profile["reservation"]["name"], tainted=True)
        take("reservation-affinity", "specific", tainted=False)
        if "project" in profile["reservation"]:
            take("reservation-project", profile["reservation"]["project"], tainted=False)
    if "local_ssd" in profile:
        take("gke-ephemeral-storage-local-ssd", "true", tainted=False)
        requests["ephemeral-storage"] = profile["local_ssd"]
    resources = {"requests": requests, "limits": limits}
    return {
        "name": name,
        "node_selector": selector | profile.get("node_selector", {}),
        "tolerations": tolerations + profile.get("tolerations", []),
        "resources": {key: quantities for key, quantities in resources.items() if quantities},
        "max_run_seconds": profile.get("max_run_seconds"),
        "gpu_count": gpu_count,
    }


def _taint(key: str, value: str) -> dict[str, str]:
    return {"key": key, "operator": "Equal", "value": value, "effect": "NoSchedule"}

"""The output of rendering for submit-job: each object in a file for a separate `kubectl create`, and a plan.

DIRECTORY has job.json, owned-N.json for what the Job owns, and plan.json: name, identity, hash, profile, namespace (''
for none), and for each owned object KIND/NAME and the file.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from gke_jobs import labels

Json = Any  # what json.loads returns
Directory = str | os.PathLike[str]

JOB = "job.json"
PLAN = "plan.json"


class Owned(NamedTuple):
    """An object that a Job owns: KIND/NAME, and its file in the directory of the plan."""

    object: str
    file: str


class Plan(NamedTuple):
    """The plan of a submit; '' for a profile or a namespace that is not given."""

    name: str
    namespace: str
    identity: str
    hash: str
    profile: str
    owned: tuple[Owned, ...]


def write_plan(documents: list[dict[str, Json]], directory: Directory) -> Plan:
    """Write a stamped manifest, the Job first."""
    job, *others = documents
    metadata = job["metadata"]
    owned = [
        Owned(object=f"{document['kind']}/{document['metadata']['name']}", file=f"owned-{number}.json")
        for number, document in enumerate(others)
    ]
    plan = Plan(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        identity=metadata["labels"][labels.IDENTITY],
        hash=metadata["annotations"][labels.MANIFEST_HASH],
        profile=metadata["annotations"].get(labels.PROFILE, ""),
        owned=tuple(owned),
    )
    _write(job, directory, JOB)
    for document, entry in zip(others, owned, strict=True):
        _write(document, directory, entry.file)
    _write(plan._asdict() | {"owned": [entry._asdict() for entry in owned]}, directory, PLAN)
    return plan


def read_plan(directory: Directory) -> Plan:
    """Return the plan in a directory, written by write_plan."""
    content = _read(directory, PLAN)
    return Plan(**content | {"owned": tuple(Owned(**entry) for entry in content["owned"])})


def set_owner(plan: Plan, directory: Directory, uid: str) -> None:
    """Rewrite the files of owned objects with the Job of that uid as owner: Kubernetes removes them with the Job.

    The ownerReference does not block the Job's deletion, which would need one more right.
    """
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": plan.name, "uid": uid}
    for entry in plan.owned:
        document = _read(directory, entry.file)
        document["metadata"]["ownerReferences"] = [owner]
        _write(document, directory, entry.file)


def summary(plan: Plan) -> str:
    """Return the plan as text for a script: NAME NAMESPACE, and a line KIND/NAME FILE for each other object.

    The namespace is left out if there is none.
    """
    lines = [f"{plan.name} {plan.namespace}".rstrip(), *(f"{entry.object} {entry.file}" for entry in plan.owned)]
    return "".join(f"{line}\n" for line in lines)


def _read(directory: Directory, name: str) -> Json:
    with open(os.path.join(directory, name)) as file:
        return json.load(file)


def _write(document: Json, directory: Directory, name: str) -> None:
    with open(os.path.join(directory, name), "w") as file:
        file.write(json.dumps(document))

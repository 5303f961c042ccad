"""Imitates what happens to a write between decoding and storing, for each kind: defaults, checks, what may change."""

from __future__ import annotations

import base64
import re
import secrets
import uuid

from localgke import workloads
from localgke.errors import ApiError, not_imitated
from localgke.resources import Resource
from localgke.store import Object
from localgke.validation import Findings, check_metadata

BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?")
NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # no vowels: a generated name is never a word
SET_BY_THE_SERVER = (
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)


def admit_new(resource: Resource, obj: Object) -> None:
    """Completes and checks an object that is to be created, in place. Raises BadRequest, Invalid, NotImplemented."""
    meta = obj["metadata"]
    for field in SET_BY_THE_SERVER:
        meta.pop(field, None)
    if meta.pop("resourceVersion", ""):
        raise ApiError("BadRequest", "resourceVersion should not be set on objects to be created")
    meta["uid"] = str(uuid.uuid4())
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = meta["generateName"] + "".join(secrets.choice(NAME_LETTERS) for _ in range(5))
    obj.pop("status", None)
    findings = Findings(resource, obj)
    check_metadata(findings, meta, resource)
    if resource.kind == "Job":
        meta["generation"] = 1
        obj["status"] = {}
        workloads.default_job(obj)
    elif resource.kind == "Pod":
        obj["status"] = {"phase": "Pending"}
        workloads.default_pod(obj)
    elif resource.kind == "Namespace":
        meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta.get("name", "")
        obj["spec"], obj["status"] = {"finalizers": ["kubernetes"]}, {"phase": "Active"}
    _admit(findings, resource, obj)


def admit_update(resource: Resource, old: Object, obj: Object) -> None:
    """Completes and checks the new form of an object, in place. Raises as `admit_new` does."""
    meta = obj["metadata"]
    if meta["name"] != old["metadata"]["name"]:
        raise ApiError(
            "BadRequest",
            f"the name of the object ({meta['name']}) does not match the name on the URL ({old['metadata']['name']})",
        )
    for field in (*SET_BY_THE_SERVER, "generation"):
        meta.pop(field, None)
        if field in old["metadata"]:
            meta[field] = old["metadata"][field]
    obj.pop("status", None)
    if "status" in old:
        obj["status"] = old["status"]
    findings = Findings(resource, obj)
    check_metadata(findings, meta, resource)
    if resource.kind == "Job":
        obj.setdefault("spec", {}).setdefault("selector", old["spec"]["selector"])
        workloads.check_job_update(findings, old, obj)
        meta["generation"] = old["metadata"]["generation"] + (obj["spec"] != old["spec"])
    elif resource.kind == "Pod" and obj.get("spec") != old["spec"]:
        findings.add("Forbidden", "spec", "Forbidden: pod updates may not change fields of the spec")
    _admit(findings, resource, obj)


def _admit(findings: Findings, resource: Resource, obj: Object) -> None:
    if resource.kind == "Job":
        workloads.check_job(findings, obj)
    elif resource.kind == "Pod":
        workloads.check_pod(findings, obj["spec"], "spec")
    elif resource.kind == "Secret":
        _admit_secret(findings, obj)
    elif resource.kind == "Service":
        _admit_service(obj)
    findings.raise_any()


def _admit_secret(findings: Findings, secret: Object) -> None:
    secret.setdefault("type", "Opaque")
    data = secret.setdefault("data", {})
    for key, text in secret.pop("stringData", {}).items():
        data[key] = base64.b64encode(text.encode()).decode()
    for key, value in data.items():
        if not BASE64.fullmatch(value):
            findings.invalid(f"data[{key}]", value, "illegal base64 data")


def _admit_service(service: Object) -> None:
    # There is no network between Pods here: only a headless Service, which names them, means something.
    spec = service.setdefault("spec", {})
    if spec.get("clusterIP") != "None" or spec.setdefault("type", "ClusterIP") != "ClusterIP":
        raise not_imitated('a Service other than a headless one (spec.clusterIP "None")')
    for port in spec.get("ports", ()):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))

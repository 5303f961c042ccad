"""Imitates the processing of a write between decoding and storing, for each kind: generation, checks, kept fields."""

from __future__ import annotations

import base64
import uuid

from localgke.errors import ApiError, not_imitated
from localgke.job_admission import admit_job, check_update, generate_selector
from localgke.pod_admission import admit_pod, complete_pod
from localgke.resources import Resource
from localgke.store import Object, generated_name
from localgke.validation import FORMATS, Findings

SET_BY_THE_SERVER = ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields")
POD_SECURITY = "pod-security.kubernetes.io/"


def admit_new(resource: Resource, obj: Object) -> None:
    """Completes and checks a decoded object before its creation, in place. Raises BadRequest, Invalid."""
    meta = obj["metadata"]
    for field in (*SET_BY_THE_SERVER, "generation"):
        meta.pop(field, None)
    if meta.pop("resourceVersion", ""):
        raise ApiError("BadRequest", "resourceVersion should not be set on objects to be created")
    meta["uid"] = str(uuid.uuid4())
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = generated_name(meta["generateName"])
    obj.pop("status", None)
    findings = Findings()
    if not meta.get("name"):
        findings.required("metadata.name", "name or generateName is required")
    else:
        format_ = "DnsLabel" if resource.kind in ("Service", "Namespace") else "DnsSubdomain"
        findings.matches("metadata.name", meta["name"], FORMATS[format_])
    if resource.kind == "Job":
        generate_selector(findings, obj)
        obj["status"], meta["generation"] = {}, 1
    elif resource.kind == "Pod":
        complete_pod(obj)
    elif resource.kind == "Namespace":
        meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta.get("name", "")
        obj["spec"], obj["status"] = {"finalizers": ["kubernetes"]}, {"phase": "Active"}
        if any(label.startswith(POD_SECURITY) for label in meta["labels"]):
            raise not_imitated(f"Pod Security admission, so no namespace with a label {POD_SECURITY}*")
    _admit(findings, resource, obj)
    if resource.kind == "Job":
        # The API server copies the labels of the template to a Job without labels.
        meta["labels"] = meta.get("labels") or dict(obj["spec"]["template"]["metadata"]["labels"])


def admit_update(resource: Resource, old: Object, obj: Object) -> None:
    """Completes and checks the new form of an object, in place. Raises as `admit_new` does."""
    meta, before = obj["metadata"], old["metadata"]
    for field in ("name", "namespace"):
        if meta.get(field) != before.get(field):
            raise ApiError(
                "BadRequest", f"the {field} of the object ({meta.get(field)}) does not match the {field} on the URL"
            )
    meta.update({field: before[field] for field in SET_BY_THE_SERVER if field in before})
    if "status" in old:
        obj["status"] = old["status"]
    findings = Findings()
    if resource.kind == "Node":
        _only_cordon_and_taints(old["spec"], obj["spec"])
    elif resource.kind == "Pod":
        _only_images(findings, old, obj)
    elif resource.kind == "Job":
        meta["generation"] = before["generation"] + (obj["spec"] != old["spec"])
        check_update(findings, old, obj)
    elif resource.kind == "ConfigMap" and old.get("immutable"):
        for field in ("immutable", "data", "binaryData"):
            if obj.get(field) != old.get(field):
                findings.forbidden(field, "field is immutable when `immutable` is set")
    _admit(findings, resource, obj)


def _only_cordon_and_taints(old: Object, new: Object) -> None:
    if not new.get("unschedulable"):
        new.pop("unschedulable", None)
    if any(old.get(field) != new.get(field) for field in {*old, *new} - {"unschedulable", "taints"}):
        raise not_imitated("a change of a node's spec other than cordon, uncordon and taints")


def _only_images(findings: Findings, old: Object, new: Object) -> None:
    """Allows a change of the image only for a container that has not started."""
    images = [[container["image"] for container in pod["spec"]["containers"]] for pod in (old, new)]
    others = [
        {**pod["spec"], "containers": [{**container, "image": ""} for container in pod["spec"]["containers"]]}
        for pod in (old, new)
    ]
    if others[0] != others[1]:
        findings.unchanged("spec", old["spec"], new["spec"])
    elif images[0] != images[1] and old["status"]["phase"] != "Pending":
        raise not_imitated("another image for a container that has started")


def _admit(findings: Findings, resource: Resource, obj: Object) -> None:
    findings.metadata("metadata", obj["metadata"])
    if resource.kind == "Job":
        admit_job(findings, obj)
    elif resource.kind == "Pod":
        admit_pod(findings, obj["spec"], "spec")
    elif resource.kind == "Secret":
        texts = obj.pop("stringData", {})
        obj.setdefault("data", {}).update({key: base64.b64encode(texts[key].encode()).decode() for key in texts})
    elif resource.kind == "Service":
        for port in obj["spec"].get("ports", ()):
            port.setdefault("targetPort", port["port"])
    findings.raise_any(resource, obj)

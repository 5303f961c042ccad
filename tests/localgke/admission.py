"""Imitates what happens to a write between decoding and storing, for each kind: what is generated, checked, kept."""

from __future__ import annotations

import base64
import uuid

from localgke.errors import ApiError
from localgke.resources import Resource
from localgke.store import Object
from localgke.validation import FORMATS, Findings

SET_BY_THE_SERVER = ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields")
IMMUTABLE = {
    "Job": ("completions", "selector", "template", "completionMode", "podReplacementPolicy"),
    "Pod": ("spec",),
}
VOLUME_SOURCES = ("configMap", "emptyDir", "secret")
ENV_SOURCES = ("configMapKeyRef", "fieldRef", "secretKeyRef")


def admit_new(resource: Resource, obj: Object) -> None:
    """Completes and checks an object that was decoded, and is to be created, in place. Raises BadRequest, Invalid."""
    meta = obj["metadata"]
    for field in (*SET_BY_THE_SERVER, "generation"):
        meta.pop(field, None)
    if meta.pop("resourceVersion", ""):
        raise ApiError("BadRequest", "resourceVersion should not be set on objects to be created")
    meta["uid"] = str(uuid.uuid4())
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
    obj.pop("status", None)
    findings = Findings()
    if not meta.get("name"):
        findings.required("metadata.name", "name or generateName is required")
    else:
        format_ = "DnsLabel" if resource.kind in ("Service", "Namespace") else "DnsSubdomain"
        findings.matches("metadata.name", meta["name"], FORMATS[format_])
    if resource.kind == "Job":
        _generate_selector(findings, obj)
        obj["status"], meta["generation"] = {}, 1
    elif resource.kind == "Pod":
        obj["status"] = {"phase": "Pending"}
    elif resource.kind == "Namespace":
        meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta.get("name", "")
        obj["spec"], obj["status"] = {"finalizers": ["kubernetes"]}, {"phase": "Active"}
    _admit(findings, resource, obj)


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
    for field in IMMUTABLE.get(resource.kind, ()):
        if field == "spec":
            findings.unchanged("spec", old["spec"], obj["spec"])
        else:
            findings.unchanged(f"spec.{field}", old["spec"].get(field), obj["spec"].get(field))
    if resource.kind == "Job":
        meta["generation"] = before["generation"] + (obj["spec"] != old["spec"])
    _admit(findings, resource, obj)


def _admit(findings: Findings, resource: Resource, obj: Object) -> None:
    findings.metadata("metadata", obj["metadata"])
    if resource.kind == "Job":
        _admit_job(findings, obj["spec"])
    elif resource.kind == "Pod":
        _admit_pod(findings, obj["spec"], "spec")
    elif resource.kind == "Secret":
        texts = obj.pop("stringData", {})
        obj.setdefault("data", {}).update({key: base64.b64encode(texts[key].encode()).decode() for key in texts})
    elif resource.kind == "Service":
        for port in obj["spec"].get("ports", ()):
            port.setdefault("targetPort", port["port"])
    findings.raise_any(resource, obj)


def _generate_selector(findings: Findings, job: Object) -> None:
    meta, spec = job["metadata"], job["spec"]
    if "selector" in spec:
        findings.invalid("spec.selector", spec["selector"], "`selector` not auto-generated")
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": meta["uid"]}}
    labels = spec["template"]["metadata"].setdefault("labels", {})
    for label, value in (("controller-uid", meta["uid"]), ("job-name", meta.get("name", ""))):
        labels[label] = labels[f"batch.kubernetes.io/{label}"] = value
    # The API server gives a Job the labels of its template where it has none of its own.
    meta["labels"] = meta.get("labels") or dict(labels)


def _admit_job(findings: Findings, spec: Object) -> None:
    if "parallelism" not in spec:
        spec["parallelism"] = 1
        spec.setdefault("completions", 1)
    if spec["completionMode"] == "Indexed" and "completions" not in spec:
        findings.required("spec.completions", "when completion mode is Indexed")
    pod = spec["template"]
    findings.metadata("spec.template.metadata", pod["metadata"])
    if pod["spec"]["restartPolicy"] == "Always":
        findings.required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    _admit_pod(findings, pod["spec"], "spec.template.spec")


def _admit_pod(findings: Findings, spec: Object, path: str) -> None:
    volumes = spec.get("volumes", [])
    for i, volume in enumerate(volumes):
        findings.exactly_one(f"{path}.volumes[{i}]", volume, VOLUME_SOURCES)
    names = [container["name"] for container in spec["containers"]]
    for what, seen in (("volumes", [volume["name"] for volume in volumes]), ("containers", names)):
        for name in {name for name in seen if seen.count(name) > 1}:
            findings.add("Duplicate", f"{path}.{what}", f'Duplicate value: "{name}"')
    for i, container in enumerate(spec["containers"]):
        _admit_container(findings, container, f"{path}.containers[{i}]", [volume["name"] for volume in volumes])


def _admit_container(findings: Findings, container: Object, path: str, volumes: list[str]) -> None:
    tag = container["image"].rpartition("/")[2].partition(":")[2] or "latest"
    floating = tag == "latest" and "@" not in container["image"]
    container.setdefault("imagePullPolicy", "Always" if floating else "IfNotPresent")
    resources = container["resources"]
    if "limits" in resources:
        resources["requests"] = {**resources["limits"], **resources.get("requests", {})}
    for i, variable in enumerate(container.get("env", ())):
        if "valueFrom" in variable:
            where = f"{path}.env[{i}].valueFrom"
            findings.exactly_one(where, variable["valueFrom"], ENV_SOURCES)
            if variable.get("value"):
                findings.invalid(where, "", "may not be specified when `value` is not empty")
    for i, mount in enumerate(container.get("volumeMounts", ())):
        if mount["name"] not in volumes:
            findings.add("NotFound", f"{path}.volumeMounts[{i}].name", f'Not found: "{mount["name"]}"')

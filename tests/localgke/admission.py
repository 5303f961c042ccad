"""Imitates what happens to a write between decoding and storing, for each kind: what is generated, checked, kept."""

from __future__ import annotations

import base64
import re
import uuid

from localgke import failure_policy
from localgke.errors import ApiError, not_imitated
from localgke.resources import Resource
from localgke.store import Object, generated_name
from localgke.validation import FORMATS, Findings

SET_BY_THE_SERVER = ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields")
IMMUTABLE = {
    "Job": ("completions", "selector", "template", "completionMode", "podFailurePolicy"),
    "Pod": ("spec",),
}
# As the API server looks for them; it takes the first of several, and forbids the others.
VOLUME_SOURCES = ("emptyDir", "secret", "configMap")
NO_ENV_SOURCE = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
ENV_SOURCES = ("configMapKeyRef", "fieldRef", "secretKeyRef")
POD_SECURITY = "pod-security.kubernetes.io/"


def admit_new(resource: Resource, obj: Object) -> None:
    """Completes and checks an object that was decoded, and is to be created, in place. Raises BadRequest, Invalid."""
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
        _generate_selector(findings, obj)
        obj["status"], meta["generation"] = {}, 1
        if meta.get("name"):
            _check_hostname(findings, meta["name"], obj["spec"])
    elif resource.kind == "Pod":
        obj["status"] = {"phase": "Pending"}
    elif resource.kind == "Namespace":
        meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta.get("name", "")
        obj["spec"], obj["status"] = {"finalizers": ["kubernetes"]}, {"phase": "Active"}
        if any(label.startswith(POD_SECURITY) for label in meta["labels"]):
            raise not_imitated(f"Pod Security admission, so no namespace with a label {POD_SECURITY}*")
    _admit(findings, resource, obj)
    if resource.kind == "Job":
        # The API server gives a Job the labels of its template where it has none of its own.
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
    for field in IMMUTABLE.get(resource.kind, ()):
        if field == "spec":
            findings.unchanged("spec", old["spec"], obj["spec"])
        else:
            findings.unchanged(f"spec.{field}", old["spec"].get(field), obj["spec"].get(field))
    if resource.kind == "Node":
        _only_cordon(old["spec"], obj["spec"])
    if resource.kind == "Job":
        meta["generation"] = before["generation"] + (obj["spec"] != old["spec"])
    _admit(findings, resource, obj)


def _only_cordon(old: Object, new: Object) -> None:
    if not new.get("unschedulable"):
        new.pop("unschedulable", None)
    if {**old, "unschedulable": True} != {**new, "unschedulable": True}:
        raise not_imitated("a change of a node's spec other than cordon and uncordon")


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
        for key in (label, f"batch.kubernetes.io/{label}"):
            if labels.setdefault(key, value) != value:
                findings.invalid(f"spec.template.metadata.labels[{key}]", labels, f"must be '{value}'")


def _check_hostname(findings: Findings, name: str, spec: Object) -> None:
    """An Indexed Job's Pods have its name and their index as host names."""
    if spec["completionMode"] == "Indexed" and spec.get("completions"):
        last = f"{name}-{spec['completions'] - 1}"
        if not (len(last) <= 63 and re.fullmatch(FORMATS["DnsLabel"].pattern, last)):
            why = f"will not able to create pod with invalid DNS label: {last}"
            findings.invalid("metadata.name", name, why)


def _admit_job(findings: Findings, spec: Object) -> None:
    if "parallelism" not in spec:
        spec["parallelism"] = 1
        spec.setdefault("completions", 1)
    if spec["manualSelector"]:
        raise not_imitated("spec.manualSelector")
    if spec["completionMode"] == "Indexed" and "completions" not in spec:
        findings.required("spec.completions", "when completion mode is Indexed")
    policy = "podFailurePolicy" in spec
    spec.setdefault("podReplacementPolicy", "Failed" if policy else "TerminatingOrFailed")
    if policy:
        failure_policy.check(findings, spec)
    else:
        findings.supported("spec.podReplacementPolicy", spec["podReplacementPolicy"], ["Failed", "TerminatingOrFailed"])
    pod = spec["template"]
    findings.metadata("spec.template", pod["metadata"])
    _admit_pod(findings, pod["spec"], "spec.template.spec")
    if pod["spec"]["restartPolicy"] == "Always":
        findings.required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')


def _admit_pod(findings: Findings, spec: Object, path: str) -> None:
    volumes = spec.get("volumes", [])
    for i, volume in enumerate(volumes):
        found = [source for source in VOLUME_SOURCES if source in volume]
        if not found:
            findings.required(f"{path}.volumes[{i}]", "must specify a volume type")
        for source in found[1:]:
            findings.forbidden(f"{path}.volumes[{i}].{source}", "may not specify more than 1 volume type")
    for what in ("volumes", "containers"):
        names = [item["name"] for item in spec.get(what, [])]
        for i, name in enumerate(names):
            if name in names[:i]:
                findings.duplicate(f"{path}.{what}[{i}].name", name)
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
            sources = sum(source in variable["valueFrom"] for source in ENV_SOURCES)
            if not sources:
                findings.invalid(where, "", NO_ENV_SOURCE)
            elif sources > 1:
                findings.invalid(where, "", "may not have more than one field specified at a time")
            elif variable.get("value"):
                findings.invalid(where, "", "may not be specified when `value` is not empty")
    for i, mount in enumerate(container.get("volumeMounts", ())):
        if mount["name"] not in volumes:
            findings.add("NotFound", f"{path}.volumeMounts[{i}].name", f'Not found: "{mount["name"]}"')

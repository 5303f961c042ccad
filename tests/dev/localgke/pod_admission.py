"""Imitates how the API server completes and checks the spec of a Pod, also in the template of a Job."""

from __future__ import annotations

from localgke.scheduler import quantity
from localgke.store import Object
from localgke.validation import Findings

OUTAGES = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
COMPUTE = {"cpu", "memory"}
# In the order of the API server, which accepts the first of several and forbids the others.
VOLUME_SOURCES = ("emptyDir", "secret", "configMap", "csi")
NO_ENV_SOURCE = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
ENV_SOURCES = ("configMapKeyRef", "fieldRef", "secretKeyRef")


def complete_pod(pod: Object) -> None:
    """Sets the status of a new Pod, and the defaults that a Pod has but a template has not."""
    spec = pod["spec"]
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("serviceAccountName", "default")
    for container in spec["containers"]:
        resources = container.setdefault("resources", {})
        if "limits" in resources:
            resources["requests"] = {**resources["limits"], **resources.get("requests", {})}
    tolerations = spec.setdefault("tolerations", [])
    borne = {item.get("key") for item in tolerations if item.get("effect", "NoExecute") == "NoExecute"}
    for key in OUTAGES:
        if not borne & {key, None}:  # without a key it is any taint
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    pod["status"] = {"phase": "Pending", "qosClass": _qos_class(spec["containers"])}


def _qos_class(containers: list[Object]) -> str:
    resources = [container["resources"] for container in containers]
    if not any(COMPUTE & {*item.get("limits", {}), *item.get("requests", {})} for item in resources):
        return "BestEffort"
    whole = (
        all(quantity(item.get("limits", {}).get(name, 0)) > 0 for name in COMPUTE)
        and all(quantity(item["requests"][name]) == quantity(item["limits"][name]) for name in COMPUTE)
        for item in resources
    )
    return "Guaranteed" if all(whole) else "Burstable"


def admit_pod(findings: Findings, spec: Object, path: str) -> None:
    """Completes and checks the spec of a Pod or of a Pod template; `path`: of the spec in its object."""
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

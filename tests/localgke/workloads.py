"""Imitates what the API server does to Jobs and Pods before it stores them: defaults, generated labels, checks."""

from __future__ import annotations

from localgke.errors import not_imitated
from localgke.store import Object
from localgke.validation import LABEL, LABEL_RULE, Findings, check_label_key, check_labels

TOLERATION_EFFECTS = ("", "NoSchedule", "PreferNoSchedule", "NoExecute")
VOLUME_SOURCES = ("configMap", "downwardAPI", "emptyDir", "secret")


def default_job(job: Object) -> None:
    """Defaults, the generated selector and the labels that go with it, in place; the Job has its name and uid."""
    meta, spec = job["metadata"], job.setdefault("spec", {})
    spec.pop("selector", None)
    if "parallelism" not in spec:
        spec.setdefault("completions", 1)
    spec.setdefault("parallelism", 1)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("podReplacementPolicy", "TerminatingOrFailed")
    spec.setdefault("suspend", False)
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": meta["uid"]}}
    template = spec.setdefault("template", {})
    labels = template.setdefault("metadata", {}).setdefault("labels", {})
    generated = {"controller-uid": meta["uid"], "job-name": meta.get("name", "")}
    for label, value in generated.items():
        labels[label] = labels[f"batch.kubernetes.io/{label}"] = value
    # The API server gives a Job the labels of its template where it has none of its own.
    meta["labels"] = meta.get("labels") or dict(labels)
    default_pod(template)


def default_pod(pod: Object) -> None:
    """The defaults of a Pod or of a Pod template, in place."""
    spec = pod.setdefault("spec", {})
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in _containers(spec):
        _default_container(container)
    for volume in spec.get("volumes", ()):
        if not any(source in volume for source in VOLUME_SOURCES):
            volume["emptyDir"] = {}
        for source in ("configMap", "secret", "downwardAPI"):
            if source in volume:
                volume[source].setdefault("defaultMode", 0o644)


def _default_container(container: Object) -> None:
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2] or "latest"
    floating = tag == "latest" and "@" not in image
    container.setdefault("imagePullPolicy", "Always" if floating else "IfNotPresent")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    resources = container.setdefault("resources", {})
    if "limits" in resources:
        resources["requests"] = {**resources["limits"], **resources.get("requests", {})}
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
    for variable in container.get("env", ()):
        if "fieldRef" in variable.get("valueFrom", {}):
            variable["valueFrom"]["fieldRef"].setdefault("apiVersion", "v1")


def check_job(findings: Findings, job: Object) -> None:
    """The checks of a new or changed Job."""
    spec = job["spec"]
    for field in ("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
        findings.not_negative(f"spec.{field}", spec.get(field))
    findings.one_of("spec.completionMode", spec["completionMode"], ("Indexed", "NonIndexed"))
    findings.one_of("spec.podReplacementPolicy", spec["podReplacementPolicy"], ("Failed", "TerminatingOrFailed"))
    if spec["completionMode"] == "Indexed" and "completions" not in spec:
        findings.required("spec.completions", "when completion mode is Indexed")
    pod = spec["template"]
    check_labels(findings, "spec.template.metadata", pod["metadata"])
    check_pod(findings, pod["spec"], "spec.template.spec")
    policy = pod["spec"]["restartPolicy"]
    if policy == "Always":
        findings.required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')


def check_job_update(findings: Findings, old: Object, job: Object) -> None:
    """The fields of a Job that never change."""
    for field in ("completions", "selector", "template", "completionMode", "podReplacementPolicy"):
        findings.unchanged(f"spec.{field}", old["spec"].get(field), job["spec"].get(field))


def check_pod(findings: Findings, spec: Object, path: str) -> None:
    """The checks of a Pod's spec, found at `path`."""
    findings.one_of(f"{path}.restartPolicy", spec["restartPolicy"], ("Always", "OnFailure", "Never"))
    if not spec.get("containers"):
        findings.required(f"{path}.containers")
    _refuse_what_no_sandbox_does(spec)
    volumes = _check_volumes(findings, spec.get("volumes", ()), f"{path}.volumes")
    seen: set[str] = set()
    for group in ("initContainers", "containers"):
        for i, container in enumerate(spec.get(group, ())):
            where = f"{path}.{group}[{i}]"
            _check_name(findings, f"{where}.name", container.get("name", ""), seen)
            _check_container(findings, container, where, volumes)
    for key in spec.get("nodeSelector", {}):
        check_label_key(findings, f"{path}.nodeSelector", key)
    for i, toleration in enumerate(spec.get("tolerations", ())):
        where = f"{path}.tolerations[{i}]"
        findings.one_of(f"{where}.effect", toleration.get("effect", ""), TOLERATION_EFFECTS)
        findings.one_of(f"{where}.operator", toleration.get("operator", "Equal"), ("Equal", "Exists"))
    _check_affinity(findings, spec, f"{path}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution")


def _refuse_what_no_sandbox_does(spec: Object) -> None:
    for context in (spec["securityContext"], *(item.get("securityContext", {}) for item in _containers(spec))):
        profile = context.get("seccompProfile", {}).get("type", "RuntimeDefault")
        if profile not in ("RuntimeDefault", "Unconfined"):
            raise not_imitated(f'the seccomp profile type "{profile}"')
        if context.get("capabilities", {}).get("drop", ["ALL"]) != ["ALL"]:
            raise not_imitated("dropping capabilities other than ALL")


def _containers(spec: Object) -> list[Object]:
    return [*spec.get("initContainers", ()), *spec.get("containers", ())]


def _check_volumes(findings: Findings, volumes: list[Object], path: str) -> set[str]:
    seen: set[str] = set()
    for i, volume in enumerate(volumes):
        _check_name(findings, f"{path}[{i}].name", volume.get("name", ""), seen)
        if sum(source in volume for source in VOLUME_SOURCES) > 1:
            findings.add("Forbidden", f"{path}[{i}]", "Forbidden: may not specify more than 1 volume type")
        for source, key in (("configMap", "name"), ("secret", "secretName"), ("downwardAPI", "items")):
            if source in volume and not volume[source].get(key):
                findings.required(f"{path}[{i}].{source}.{key}")
    return seen


def _check_name(findings: Findings, field: str, name: str, seen: set[str]) -> None:
    if not name:
        findings.required(field)
    elif name in seen:
        findings.add("Duplicate", field, f'Duplicate value: "{name}"')
    else:
        findings.matches(field, name, LABEL, LABEL_RULE)
    seen.add(name)


def _check_container(findings: Findings, container: Object, path: str, volumes: set[str]) -> None:
    if not container.get("image"):
        findings.required(f"{path}.image")
    findings.one_of(f"{path}.imagePullPolicy", container["imagePullPolicy"], ("Always", "IfNotPresent", "Never"))
    policies = ("FallbackToLogsOnError", "File")
    findings.one_of(f"{path}.terminationMessagePolicy", container["terminationMessagePolicy"], policies)
    for i, variable in enumerate(container.get("env", ())):
        if not variable.get("name"):
            findings.required(f"{path}.env[{i}].name")
        elif "=" in variable["name"]:
            findings.invalid(f"{path}.env[{i}].name", variable["name"], "a valid environment variable has no '='")
        if variable.get("value") and "valueFrom" in variable:
            why = "may not be specified when `value` is not empty"
            findings.invalid(f"{path}.env[{i}].valueFrom", "", why)
        elif "valueFrom" in variable and len(variable["valueFrom"]) != 1:
            findings.invalid(
                f"{path}.env[{i}].valueFrom", "", "must specify one of: `fieldRef`, `configMapKeyRef` or `secretKeyRef`"
            )
    for i, mount in enumerate(container.get("volumeMounts", ())):
        if not mount.get("mountPath"):
            findings.required(f"{path}.volumeMounts[{i}].mountPath")
        if mount.get("name") not in volumes:
            findings.add("NotFound", f"{path}.volumeMounts[{i}].name", f'Not found: "{mount.get("name", "")}"')


def _check_affinity(findings: Findings, spec: Object, path: str) -> None:
    affinity = spec.get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return
    if not required.get("nodeSelectorTerms"):
        findings.required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")
    for term in required.get("nodeSelectorTerms", ()):
        for requirement in term.get("matchExpressions", ()):
            if requirement.get("operator") not in ("In", "NotIn", "Exists"):
                raise not_imitated(f'the node affinity operator "{requirement.get("operator")}"')

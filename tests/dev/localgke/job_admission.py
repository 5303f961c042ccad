"""Imitates how the API server generates, completes and checks the fields of a Job."""

from __future__ import annotations

import copy
import re

from localgke import failure_policy
from localgke.errors import not_imitated
from localgke.objects import is_true
from localgke.pod_admission import admit_pod
from localgke.store import Object
from localgke.validation import FORMATS, Findings

IMMUTABLE = ("selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex")
BACKOFF_LIMIT, NO_LIMIT = 6, 2**31 - 1
PREFIX = "batch.kubernetes.io/"


def generate_selector(findings: Findings, job: Object) -> None:
    """Makes the selector of a new Job, and the labels by which it finds its Pods."""
    if "selector" in job["spec"]:
        findings.invalid("spec.selector", job["spec"]["selector"], "`selector` not auto-generated")
    job["spec"]["selector"] = {"matchLabels": {f"{PREFIX}controller-uid": job["metadata"]["uid"]}}
    template = job["spec"]["template"]["metadata"]
    template["labels"] = {**_generated_labels(job), **template.get("labels", {})}


def _generated_labels(job: Object) -> dict[str, str]:
    labels = {"controller-uid": job["metadata"]["uid"], "job-name": job["metadata"].get("name", "")}
    return {f"{prefix}{label}": value for label, value in labels.items() for prefix in ("", PREFIX)}


def admit_job(findings: Findings, job: Object) -> None:
    """Completes and checks a Job."""
    spec = job["spec"]
    if "parallelism" not in spec:
        spec["parallelism"] = 1
        spec.setdefault("completions", 1)
    spec.setdefault("backoffLimit", NO_LIMIT if "backoffLimitPerIndex" in spec else BACKOFF_LIMIT)
    if spec["manualSelector"]:
        raise not_imitated("spec.manualSelector")
    labels = spec["template"]["metadata"].get("labels", {})
    for key, value in _generated_labels(job).items():
        where = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            findings.required(where, f"must be '{value}'")
        elif labels[key] != value:
            findings.invalid(where, labels, f"must be '{value}'")
    if spec["completionMode"] == "Indexed" and "completions" not in spec:
        findings.required("spec.completions", "when completion mode is Indexed")
    _check_index_limits(findings, spec)
    policy = "podFailurePolicy" in spec
    spec.setdefault("podReplacementPolicy", "Failed" if policy else "TerminatingOrFailed")
    if policy:
        failure_policy.check(findings, spec)
    else:
        findings.supported("spec.podReplacementPolicy", spec["podReplacementPolicy"], ["Failed", "TerminatingOrFailed"])
    pod = spec["template"]
    findings.metadata("spec.template", pod["metadata"])
    admit_pod(findings, pod["spec"], "spec.template.spec")
    if pod["spec"]["restartPolicy"] == "Always":
        findings.required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    _check_hostname(findings, job["metadata"].get("name", ""), spec)


def _check_index_limits(findings: Findings, spec: Object) -> None:
    limit, most = spec.get("backoffLimitPerIndex"), spec.get("maxFailedIndexes")
    if limit is not None and spec["completionMode"] != "Indexed":
        findings.invalid("spec.backoffLimitPerIndex", limit, "requires indexed completion mode")
    if limit is not None and spec["template"]["spec"]["restartPolicy"] == "OnFailure":
        raise not_imitated("backoffLimitPerIndex with the restartPolicy OnFailure")
    if most is None:
        return
    if limit is None:
        findings.required("spec.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if most > spec.get("completions", most):
        findings.invalid("spec.maxFailedIndexes", most, "must be less than or equal to completions")


def _check_hostname(findings: Findings, name: str, spec: Object) -> None:
    """The Pods of an Indexed Job have its name and their index as host names."""
    if name and spec["completionMode"] == "Indexed" and spec.get("completions"):
        last = f"{name}-{spec['completions'] - 1}"
        if len(last) > 63 or not re.fullmatch(FORMATS["DnsLabel"].pattern, last):
            why = f"will not able to create pod with invalid DNS label: {last}"
            findings.invalid("metadata.name", name, why)


def check_update(findings: Findings, old: Object, job: Object) -> None:
    """Checks that only mutable fields of a Job change."""
    before, spec = old["spec"], job["spec"]
    if spec.get("completions") != before.get("completions"):
        if spec["completionMode"] != "Indexed":
            findings.unchanged("spec.completions", before.get("completions"), spec.get("completions"))
        elif spec.get("completions") != spec["parallelism"]:
            why = "can only be modified in tandem with spec.parallelism"
            findings.invalid("spec.completions", spec.get("completions"), why)
        else:
            raise not_imitated("a change of spec.completions")
    for field in IMMUTABLE:
        findings.unchanged(f"spec.{field}", before.get(field), spec.get(field))
    template = spec["template"]
    if not _is_idle(old):
        findings.unchanged("spec.template", before["template"], template)
        return
    expected = copy.deepcopy(before["template"])
    _copy(("nodeSelector", "tolerations"), template["spec"], expected["spec"])
    for new, container in zip(template["spec"]["containers"], expected["spec"]["containers"], strict=False):
        if new["name"] == container["name"]:
            container["resources"] = new["resources"]
    findings.unchanged("spec.template.spec", expected["spec"], template["spec"])


def _is_idle(job: Object) -> bool:
    """Returns whether the Job is suspended without Pods: scheduling and resources of its template may change."""
    status = job["status"]
    suspended = "startTime" not in status or is_true(job, "Suspended")
    return bool(job["spec"]["suspend"] and suspended and not status.get("active"))


def _copy(fields: tuple[str, ...], source: Object, target: Object) -> None:
    for field in fields:
        target.pop(field, None)
        target |= {field: source[field]} if field in source else {}

"""Imitates podFailurePolicy of a Job: its validation, and its action for a failed Pod."""

from __future__ import annotations

from typing import NamedTuple

from localgke.store import Object
from localgke.validation import Findings

MAX_RULES = 20
MAX_VALUES = 255
MAX_PATTERNS = 20
ACTIONS = ["Count", "FailIndex", "FailJob", "Ignore"]
OPERATORS = ["In", "NotIn"]
STATUSES = ["False", "True", "Unknown"]


class Verdict(NamedTuple):
    """The action for a failed Pod, one of ACTIONS, and for FailJob the message of the Job's condition."""

    action: str
    message: str = ""


def judge(job: Object, pod: Object) -> Verdict:
    """Returns the verdict of the first rule that matches a failed Pod of the Job; without one the failure counts."""
    for i, rule in enumerate(job["spec"].get("podFailurePolicy", {}).get("rules", [])):
        if "onExitCodes" in rule:
            found = _match_exit_codes(pod, rule["onExitCodes"])
        else:
            found = _match_conditions(pod, rule["onPodConditions"])
        if found:
            return Verdict(rule["action"], f"{found} matching {rule['action']} rule at index {i}")
    return Verdict("Count")


def _match_exit_codes(pod: Object, requirement: Object) -> str:
    for container in pod["status"].get("containerStatuses", []):
        code = container["state"].get("terminated", {}).get("exitCode", 0)
        named = requirement.get("containerName", container["name"]) == container["name"]
        if named and code and (code in requirement["values"]) == (requirement["operator"] == "In"):
            return f"Container {container['name']} for pod {_full_name(pod)} failed with exit code {code}"
    return ""


def _match_conditions(pod: Object, patterns: list[Object]) -> str:
    wanted = [(pattern["type"], pattern["status"]) for pattern in patterns]
    for condition in pod["status"].get("conditions", []):
        if (condition["type"], condition["status"]) in wanted:
            return f"Pod {_full_name(pod)} has condition {condition['type']}"
    return ""


def _full_name(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def check(findings: Findings, spec: Object) -> None:
    """Checks the podFailurePolicy in the spec of a Job, and the fields that it requires."""
    path, rules = "spec.podFailurePolicy.rules", spec["podFailurePolicy"].get("rules", [])
    findings.at_most(path, rules, MAX_RULES)
    names = {container["name"] for container in spec["template"]["spec"]["containers"]}
    for i, rule in enumerate(rules):
        _check_rule(findings, f"{path}[{i}]", rule, names)
        if rule.get("action") == "FailIndex" and "backoffLimitPerIndex" not in spec:
            why = "requires the backoffLimitPerIndex to be set"
            findings.invalid(f"{path}[{i}].action", "FailIndex", why)
    findings.supported("spec.podReplacementPolicy", spec["podReplacementPolicy"], ["Failed"])
    if spec["template"]["spec"]["restartPolicy"] == "OnFailure":
        why = 'only "Never" is supported when podFailurePolicy is specified'
        findings.invalid("spec.template.spec.restartPolicy", "OnFailure", why)


def _check_rule(findings: Findings, path: str, rule: Object, names: set[str]) -> None:
    findings.supported(f"{path}.action", rule.get("action"), ACTIONS)
    codes, patterns = rule.get("onExitCodes"), rule.get("onPodConditions", [])
    if codes is not None:
        _check_exit_codes(findings, f"{path}.onExitCodes", codes, names)
    findings.at_most(f"{path}.onPodConditions", patterns, MAX_PATTERNS)
    for i, pattern in enumerate(patterns):
        where = f"{path}.onPodConditions[{i}]"
        findings.label_key(f"{where}.type", pattern.get("type", ""))
        findings.supported(f"{where}.status", pattern["status"], STATUSES)
    if codes is not None and patterns:
        findings.invalid(path, None, "specifying both OnExitCodes and OnPodConditions is not supported")
    if codes is None and not patterns:
        findings.invalid(path, None, "specifying one of OnExitCodes and OnPodConditions is required")


def _check_exit_codes(findings: Findings, path: str, codes: Object, names: set[str]) -> None:
    findings.supported(f"{path}.operator", codes.get("operator"), OPERATORS)
    if codes.get("containerName", next(iter(names))) not in names:
        why = "must be one of the container or initContainer names in the pod template"
        findings.invalid(f"{path}.containerName", codes["containerName"], why)
    values = codes.get("values", [])
    if not values:
        findings.invalid(f"{path}.values", values, "at least one value is required")
    findings.at_most(f"{path}.values", values, MAX_VALUES)
    for i, value in enumerate(values):
        if value == 0 and codes.get("operator") == "In":
            findings.invalid(f"{path}.values[{i}]", value, "must not be 0 for the In operator")
        if value in values[:i]:
            findings.duplicate(f"{path}.values[{i}]", value)
    if values != sorted(values):
        findings.invalid(f"{path}.values", values, "must be ordered")

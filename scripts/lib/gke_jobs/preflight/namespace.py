"""Checks what a namespace would refuse: by Pod Security level, quotas, LimitRanges."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from decimal import Decimal

from gke_jobs.json_access import Json, at, dict_at, list_at, text_at
from gke_jobs.preflight.finding import Finding, failed, ok, warning
from gke_jobs.preflight.pod_resources import CONTAINER, containers, limits, requests
from gke_jobs.quantities import amounts, format_amount

LEVEL = "pod-security.kubernetes.io/enforce"
COMPUTE = ("cpu", "memory")  # with a quota of these, each container must have a request or limit
# https://kubernetes.io/docs/concepts/security/pod-security-standards/
SAFE_SYSCTLS = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
    *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
    *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
}
BASELINE_CAPABILITIES = {
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
    *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}
RESTRICTED_CAPABILITIES = {"NET_BIND_SERVICE"}
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def evaluate_level(namespace: Json, pods: Mapping[str, Json]) -> Finding:
    """Return the finding whether Pods pass the enforced Pod Security level. pods: spec by profile or template."""
    level = text_at(namespace, "metadata", "labels", LEVEL) or "privileged"
    name = text_at(namespace, "metadata", "name")
    if level in ("baseline", "restricted"):
        for what, pod in pods.items():
            if problem := next(violations(pod, level), ""):
                return failed(
                    "security",
                    f"namespace {name} enforces the Pod Security Standard {level}: {what} has {problem}",
                    "change the manifest, or: "
                    f"kubectl label namespace {shlex.quote(name)} {LEVEL}=privileged --overwrite",
                )
    return ok("security", f"namespace {name} enforces the Pod Security Standard {level}, which the Pods pass")


def violations(pod: Json, level: str) -> Iterator[str]:
    """Yield what a Pod Security Standard forbids in a Pod spec, among the fields that are frequent in Jobs."""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if at(pod, field):
            yield field
    for sysctl in list_at(pod, "securityContext", "sysctls"):
        if text_at(sysctl, "name") not in SAFE_SYSCTLS:
            yield f"the sysctl {text_at(sysctl, 'name')}"
    for volume in list_at(pod, "volumes"):
        kinds = set(volume) - {"name"}
        if "hostPath" in kinds or (level == "restricted" and not kinds <= VOLUMES):
            yield f"a volume of kind {' '.join(sorted(kinds))}"
    for container in [*list_at(pod, "initContainers"), *list_at(pod, "containers")]:
        context = dict_at(container, "securityContext")
        if context.get("privileged"):
            yield "a privileged container"
        if any(at(port, "hostPort") for port in list_at(container, "ports")):
            yield "a hostPort"
        if "Unconfined" in (
            text_at(context, "seccompProfile", "type"),
            text_at(pod, "securityContext", "seccompProfile", "type"),
        ):
            yield "a seccompProfile of type Unconfined"
        for capability in list_at(context, "capabilities", "add"):
            if capability not in (BASELINE_CAPABILITIES if level == "baseline" else RESTRICTED_CAPABILITIES):
                yield f"the capability {capability}"
        if level == "restricted":
            yield from _unrestricted(context, dict_at(pod, "securityContext"))


def _unrestricted(context: Json, of_pod: Json) -> Iterator[str]:
    if context.get("allowPrivilegeEscalation") is not False:
        yield "a container without allowPrivilegeEscalation: false"
    if "ALL" not in list_at(context, "capabilities", "drop"):
        yield "a container without capabilities.drop: [ALL]"
    if context.get("runAsUser", of_pod.get("runAsUser")) == 0:
        yield "a container with runAsUser: 0"
    if not context.get("runAsNonRoot", of_pod.get("runAsNonRoot")):
        yield "a container without runAsNonRoot: true"
    if not text_at(context, "seccompProfile", "type") and not text_at(of_pod, "seccompProfile", "type"):
        yield "a container without a seccompProfile"


def evaluate_limits(ranges: list[Json], pods: Mapping[str, Json]) -> list[Finding]:
    """Return the finding which Pods the LimitRanges of a namespace refuse. pods: with defaults."""
    findings = []
    for limit_range in ranges:
        name = text_at(limit_range, "metadata", "name")
        refused = {what: problem for what, pod in pods.items() if (problem := _out_of_range(limit_range, pod))}
        if refused:
            found = "; ".join(f"{what}: {problem}" for what, problem in refused.items())
            findings.append(
                warning(
                    "limits",
                    f"LimitRange {name} refuses {found}",
                    f"kubectl edit limitrange {_object_arguments(limit_range)}, or request other resources",
                )
            )
    return findings or [
        ok("limits", f"{len(ranges)} LimitRanges, no profile is refused" if ranges else "no LimitRange")
    ]


def _object_arguments(found: Json) -> str:
    """Return the arguments of kubectl that name an object of a namespace."""
    words = (text_at(found, "metadata", "name"), "--namespace", text_at(found, "metadata", "namespace"))
    return shlex.join(words)


def _out_of_range(limit_range: Json, pod: Json) -> str:
    for item in list_at(limit_range, "spec", "limits"):
        kind = text_at(item, "type")
        if kind == CONTAINER:
            alone = [{"containers": [container]} for container in containers(pod)]
            problem = next(filter(None, (_over_default(item, one) or _beyond(item, kind, one) for one in alone)), "")
        else:
            problem = _beyond(item, kind, pod) if kind == "Pod" else ""
        if problem:
            return problem
    return ""


def _over_default(item: Json, container: Json) -> str:
    """Return which request exceeds a limit that a LimitRange sets by default."""
    asked, most = requests(container), limits(container)
    for name, limit in amounts(item.get("default")).items():
        if most.get(name) == limit < asked.get(name, Decimal(0)):
            request = format_amount(asked[name])
            return f"a request of {request} {name}, more than its default limit {format_amount(limit)}"
    return ""


def _beyond(item: Json, kind: str, pod: Json) -> str:
    asked, most = requests(pod), limits(pod)
    for name, least in amounts(item.get("min")).items():
        if asked.get(name, Decimal(0)) < least:
            return f"less {name} than {item['min'][name]}, the minimum of a {kind}"
    for name, largest in amounts(item.get("max")).items():
        if name not in most:
            return f"no limit of {name}, of which a {kind} has at most {item['max'][name]}"
        if most[name] > largest:
            return f"more {name} than {item['max'][name]}, the maximum of a {kind}"
    for name, ratio in amounts(item.get("maxLimitRequestRatio")).items():
        if name not in most or not asked.get(name) or most[name] / asked[name] > ratio:
            return f"a limit of {name} of more than {item['maxLimitRequestRatio'][name]} times its request"
    return ""


def evaluate_quotas(quotas: list[Json], pods: Mapping[str, Json]) -> list[Finding]:
    """Return the finding which Pods the quotas of a namespace never admit, and which not now. pods: with defaults."""
    findings = []
    for quota in quotas:
        name = text_at(quota, "metadata", "name")
        if list_at(quota, "spec", "scopes") or dict_at(quota, "spec", "scopeSelector"):
            found = f"quota {name} counts only some Pods, and is not checked"
            findings.append(warning("quota", found, f"kubectl describe resourcequota {_object_arguments(quota)}"))
            continue
        hard, used = amounts(at(quota, "status", "hard")), amounts(at(quota, "status", "used"))
        never = {what: problem for what, pod in pods.items() if (problem := _too_much(pod, hard))}
        left = {key: number - used.get(key, Decimal(0)) for key, number in hard.items()}
        not_now = [what for what, pod in pods.items() if what not in never and _too_much(pod, left)]
        if never:
            found = "; ".join(f"{what}: {problem}" for what, problem in never.items())
            findings.append(
                warning(
                    "quota",
                    f"quota {name} never admits {found}",
                    f"kubectl edit resourcequota {_object_arguments(quota)}",
                )
            )
        if not_now:
            found = f"quota {name} has no room now for {', '.join(not_now)}: Jobs wait"
            findings.append(warning("quota", found, f"kubectl describe resourcequota {_object_arguments(quota)}"))
    return findings or [ok("quota", f"{len(quotas)} quotas, with room for each profile" if quotas else "no quota")]


def _too_much(pod: Json, hard: Mapping[str, Decimal]) -> str:
    asked, most = requests(pod), limits(pod)
    for key, number in hard.items():
        if key in ("pods", "count/pods", "count/jobs.batch"):
            if number < 1:
                return f"no room for one of {key}"
            continue
        kind, _, name = key.partition(".") if key.startswith(("requests.", "limits.")) else ("", "", key)
        if name in COMPUTE and (container := _silent(pod, kind or "requests", name)):
            return f"its container {container} must name {key}"
        of_pod = most if kind == "limits" else asked
        if of_pod.get(name, Decimal(0)) > number:
            return f"more than {format_amount(number)} of {key}"
    return ""


def _silent(pod: Json, kind: str, name: str) -> str:
    """Return the container without a request or limit of a resource, also not by its Pod; '' for none."""
    if name in dict_at(pod, "resources", kind):
        return ""
    silent = (one for one in containers(pod) if name not in amounts(dict_at(one, "resources", kind)))
    return next((text_at(one, "name") for one in silent), "")

"""What Pod Security levels, LimitRanges and quotas would refuse."""

from __future__ import annotations

import pytest

from gke_jobs.preflight.namespace import evaluate_level, evaluate_limits, evaluate_quotas
from gke_jobs.preflight.pod_resources import with_defaults

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def container(requests=None, limits=None, context=None, name="main"):
    resources = {"requests": requests or {}, "limits": limits or {}}
    return {"name": name, "resources": resources, "securityContext": context or {}}


def pod(requests=None, limits=None, context=None, **fields):
    return {"containers": [container(requests, limits, context)], **fields}


def namespace(level):
    labels = {"pod-security.kubernetes.io/enforce": level} if level else {}
    return {"metadata": {"name": "ml", "labels": labels}}


@pytest.mark.parametrize(
    ("level", "spec", "problem"),
    [
        ("", pod(hostNetwork=True), ""),
        ("privileged", pod(context={"privileged": True}), ""),
        ("baseline", pod(), ""),
        ("baseline", pod(hostNetwork=True), "hostNetwork"),
        ("baseline", pod(hostPID=True), "hostPID"),
        ("baseline", pod(context={"privileged": True}), "a privileged container"),
        ("baseline", pod(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), "a volume of kind hostPath"),
        ("baseline", pod(context={"capabilities": {"add": ["CHOWN"]}}), ""),
        ("baseline", pod(context={"capabilities": {"add": ["SYS_ADMIN"]}}), "the capability SYS_ADMIN"),
        ("baseline", pod(context={"seccompProfile": {"type": "Unconfined"}}), "Unconfined"),
        ("baseline", pod(securityContext={"sysctls": [{"name": "kernel.msgmax"}]}), "the sysctl kernel.msgmax"),
        ("baseline", {"containers": [{"name": "main", "ports": [{"hostPort": 80}]}]}, "a hostPort"),
        ("restricted", pod(context=RESTRICTED), ""),
        ("restricted", pod(context={**RESTRICTED, "runAsUser": 0}), "runAsUser: 0"),
        ("restricted", pod(context={**RESTRICTED, "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}), "CHOWN"),
        ("restricted", pod(context=RESTRICTED, volumes=[{"name": "v", "emptyDir": {}}]), ""),
        ("restricted", pod(context=RESTRICTED, volumes=[{"name": "v", "nfs": {}}]), "a volume of kind nfs"),
        ("restricted", pod(context={**RESTRICTED, "allowPrivilegeEscalation": True}), "allowPrivilegeEscalation"),
        ("restricted", pod(context={**RESTRICTED, "capabilities": {}}), "capabilities.drop"),
        ("restricted", pod(context={**RESTRICTED, "runAsNonRoot": False}), "runAsNonRoot"),
        ("restricted", pod(context={**RESTRICTED, "seccompProfile": {}}), "seccompProfile"),
    ],
)
def test_the_level_that_a_namespace_enforces(level, spec, problem):
    found = evaluate_level(namespace(level), {"batch-job": spec})
    assert found.state == ("failed" if problem else "ok")
    assert problem in found.found


def test_settings_of_the_pod_count_for_its_containers():
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    of_pod = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert evaluate_level(namespace("restricted"), {"a": pod(context=context, securityContext=of_pod)}).state == "ok"


def limit_range(kind="Container", **fields):
    return {"metadata": {"name": "bounds", "namespace": "ml"}, "spec": {"limits": [{"type": kind, **fields}]}}


@pytest.mark.parametrize(
    ("fields", "spec", "problem"),
    [
        ({"max": {"memory": "2Gi"}}, pod(limits={"memory": "2Gi"}), ""),
        ({"max": {"memory": "2Gi"}}, pod(limits={"memory": "3Gi"}), "more memory than 2Gi"),
        ({"max": {"cpu": "4"}}, pod(requests={"cpu": "1"}), "no limit of cpu"),
        ({"max": {"cpu": "4"}, "default": {"cpu": "2"}}, pod(requests={"cpu": "1"}), ""),
        ({"min": {"cpu": "1"}}, pod(requests={"cpu": "500m"}), "less cpu than 1"),
        ({"min": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}, pod(), ""),
        ({"maxLimitRequestRatio": {"cpu": "2"}}, pod(requests={"cpu": "1"}, limits={"cpu": "3"}), "more than 2 times"),
        ({"kind": "Pod", "max": {"memory": "1Gi"}}, pod(limits={"memory": "3Gi"}), "the maximum of a Pod"),
        (
            {"default": {"cpu": "250m"}},
            pod(requests={"cpu": "500m"}),
            "a request of 0.5 cpu, more than its default limit 0.25",
        ),
        (
            {"max": {"cpu": "1"}},
            {"containers": [], "initContainers": [container(limits={"cpu": "2"})]},
            "more cpu than 1",
        ),
        (
            {"default": {"cpu": "2"}, "min": {"memory": "0"}},
            {"containers": [container({"cpu": "2", "memory": "1"}), container(None, {"cpu": "1"})]},
            "",
        ),
        ({"kind": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}, pod(), ""),
    ],
)
def test_limit_ranges(fields, spec, problem):
    ranges = [limit_range(**fields)]
    (found,) = evaluate_limits(ranges, {"cpu-small": with_defaults(spec, ranges)})
    assert found.state == ("warning" if problem else "ok")
    assert problem in found.found


def quota(hard, used=None, **spec):
    return {"metadata": {"name": "team", "namespace": "ml"}, "spec": spec, "status": {"hard": hard, "used": used or {}}}


@pytest.mark.parametrize(
    ("found", "spec", "words"),
    [
        (quota({"requests.cpu": "4"}, {"requests.cpu": "3"}), pod(requests={"cpu": "1"}), ""),
        (quota({"requests.cpu": "4"}, {"requests.cpu": "3500m"}), pod(requests={"cpu": "1"}), "has no room now for p"),
        (quota({"requests.cpu": "4"}), pod(requests={"cpu": "5"}), "never admits p: more than 4 of requests.cpu"),
        (quota({"cpu": "4"}), pod(requests={"cpu": "5"}), "more than 4 of cpu"),
        (quota({"limits.memory": "8Gi"}), pod(limits={"memory": "9Gi"}), "more than 8Gi of limits.memory"),
        (quota({"limits.cpu": "8"}), pod(requests={"cpu": "1"}), "its container main must name limits.cpu"),
        (quota({"cpu": "4"}), pod(limits={"cpu": "5"}), "more than 4 of cpu"),
        (quota({"cpu": "4"}), pod({"cpu": "1"}, initContainers=[container({"cpu": "5"})]), "more than 4 of cpu"),
        (quota({"cpu": "4"}), pod({"cpu": "3"}, initContainers=[container({"cpu": "3"})]), ""),
        (
            quota({"cpu": "4"}),
            pod({"cpu": "1"}, initContainers=[container(name="fetch")]),
            "container fetch must name cpu",
        ),
        (quota({"cpu": "4"}), pod(initContainers=[container()], resources={"requests": {"cpu": "1"}}), ""),
        (quota({"requests.nvidia.com/gpu": "0"}), pod(), ""),
        (quota({"requests.nvidia.com/gpu": "0"}), pod(requests={"nvidia.com/gpu": "1"}), "of requests.nvidia.com/gpu"),
        (quota({"count/jobs.batch": "1"}, {"count/jobs.batch": "1"}), pod(), "has no room now for p"),
        (quota({"pods": "0"}), pod(), "no room for one of pods"),
        (quota({"cpu": "1"}, scopes=["BestEffort"]), pod(requests={"cpu": "5"}), "counts only some Pods"),
        (quota({"memory": "1e8"}), pod(requests={"memory": "100e6"}), ""),
        (quota({"memory": "100e6"}), pod(requests={"memory": "1Gi"}), "more than 100000000 of memory"),
        (quota({"cpu": "9" * 5000}), pod(requests={"cpu": "5"}), ""),
        (quota({"cpu": "much"}), pod(requests={"cpu": "5"}), ""),
    ],
)
def test_quotas(found, spec, words):
    (finding,) = evaluate_quotas([found], {"p": with_defaults(spec, [])})
    assert finding.state == ("warning" if words else "ok")
    assert words in finding.found


def test_a_limit_range_gives_pods_the_limits_that_a_quota_asks_for():
    defaults = limit_range(default={"cpu": "1"})
    spec = with_defaults(pod(requests={"cpu": "1"}), [defaults])
    (found,) = evaluate_quotas([quota({"limits.cpu": "8"})], {"p": spec})
    assert found.state == "ok"


def test_what_the_cluster_says_is_one_printable_line():
    hostile = limit_range(max={"memory": "1"})
    hostile["metadata"]["name"] = "a\n::group::\x1b[31m"
    (found,) = evaluate_limits([hostile], {"p": pod(limits={"memory": "3"})})
    assert "\n" not in found.found
    assert "\x1b" not in found.found


def test_the_fix_names_the_object_in_its_namespace():
    (never,) = evaluate_quotas([quota({"requests.cpu": "100m"})], {"p": pod({"cpu": "1"})})
    assert never.fix == "kubectl edit resourcequota team --namespace ml"
    bounds = limit_range("Container", max={"cpu": "100m"})
    (refused,) = evaluate_limits([bounds], {"p": pod({"cpu": "1"}, {"cpu": "1"})})
    assert refused.fix.startswith("kubectl edit limitrange bounds --namespace ml, ")

"""Which Pods find a node, in node pools as the GKE API describes them and on nodes."""

from __future__ import annotations

import pytest

from gke_jobs.preflight.pools import ONLY_NODES, evaluate, of_cluster, of_nodes

GPU = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}


def cluster(*pools, **fields):
    return {"nodePools": [{"name": f"pool-{number}", **pool} for number, pool in enumerate(pools)], **fields}


def pool(most=3, **config):
    return {"config": config, "autoscaling": {"enabled": True, "maxNodeCount": most}}


def node(name="n", labels=None, taints=None, **allocatable):
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"taints": taints or []},
        "status": {"allocatable": allocatable},
    }


def pod(selector=None, tolerations=None, **requests):
    return {
        "nodeSelector": selector or {},
        "tolerations": tolerations or [],
        "containers": [{"resources": {"requests": requests}}],
    }


SPOT = {"cloud.google.com/gke-spot": "true"}
L4 = {"cloud.google.com/gke-accelerator": "nvidia-l4"}
ACCELERATOR = [{"acceleratorType": "nvidia-l4", "acceleratorCount": "1"}]
TAINT = [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
GPU_NODE = node(taints=[{**TAINT[0], "effect": "NoSchedule"}], **{"nvidia.com/gpu": "1"})


@pytest.mark.parametrize(
    ("described", "nodes", "spec", "reason"),
    [
        (cluster(pool()), [], pod(cpu="4"), ""),
        (cluster(), [], pod(), "there is none"),
        (cluster(pool(most=0)), [], pod(), "no pool can have nodes"),
        (cluster(pool(spot=True)), [], pod(SPOT), ""),
        (cluster(pool()), [], pod(SPOT), "no label cloud.google.com/gke-spot=true"),
        (cluster(pool(flexStart=True)), [], pod({"cloud.google.com/gke-flex-start": "true"}), ""),
        (cluster(pool(labels={"team": "ml"})), [], pod({"team": "ml"}), ""),
        (cluster(pool(labels={"team": "ml"})), [], pod({"team": "web"}), "no label team=web"),
        (cluster(pool(accelerators=ACCELERATOR, taints=TAINT)), [], pod(L4, [GPU], **{"nvidia.com/gpu": "1"}), ""),
        (cluster(pool(accelerators=ACCELERATOR)), [], pod(L4, **{"nvidia.com/gpu": "2"}), "has 1 nvidia.com/gpu, less"),
        (cluster(pool(accelerators=ACCELERATOR, taints=TAINT)), [], pod(L4, **{"nvidia.com/gpu": "1"}), ""),
        (cluster(pool(taints=TAINT)), [], pod(), "does not tolerate the taint nvidia.com/gpu=present:NoSchedule"),
        (cluster(pool(taints=[{"key": "k", "effect": "PREFER_NO_SCHEDULE"}])), [], pod(), ""),
        (cluster(pool(taints=TAINT)), [], pod(tolerations=[{"operator": "Exists"}]), ""),
        (
            cluster(pool()),
            [node(labels={"cloud.google.com/gke-nodepool": "pool-0"}, memory="16Gi")],
            pod(memory="100Gi"),
            "a node of pool-0 has 16Gi memory, less than 100Gi",
        ),
        (cluster(autopilot={"enabled": True}), [], pod(L4), ""),
        (cluster(autoscaling={"enableNodeAutoprovisioning": True}), [], pod(L4), ""),
        (cluster(), [], pod({"cloud.google.com/compute-class": "ml"}), ""),
    ],
)
def test_a_profile_in_node_pools(described, nodes, spec, reason):
    (found,) = evaluate(of_cluster(described, nodes), {"p": spec}, described)
    assert found.state == ("warning" if reason else "ok")
    assert reason in found.found


@pytest.mark.parametrize(
    ("nodes", "spec", "reason"),
    [
        ([node(cpu="4")], pod(cpu="4"), ""),
        ([node(cpu="4")], pod(cpu="5"), "a node of n has 4 cpu, less than 5"),
        ([node(cpu="4", labels=L4, taints=[{**TAINT[0], "effect": "NoSchedule"}])], pod(L4, [GPU], cpu="1"), ""),
        ([node(cpu="4")], pod(**{"nvidia.com/gpu": "1"}), "has 0 nvidia.com/gpu"),
        # That GKE adds the toleration is known of nodes of GKE alone.
        ([GPU_NODE], pod(**{"nvidia.com/gpu": "1"}), "does not tolerate the taint nvidia.com/gpu=present:NoSchedule"),
        (
            [{**GPU_NODE, "metadata": {"labels": {"cloud.google.com/gke-nodepool": "l4"}}}],
            pod(**{"nvidia.com/gpu": "1"}),
            "",
        ),
        (
            [{**node(cpu="4"), "spec": {"unschedulable": True}}],
            pod(cpu="1"),
            "the taint node.kubernetes.io/unschedulable",
        ),
    ],
)
def test_a_profile_on_nodes_of_a_cluster_whose_pools_are_not_known(nodes, spec, reason):
    (found,) = evaluate(of_nodes(nodes), {"p": spec}, None)
    assert found.state == ("warning" if reason else "ok")
    assert reason in found.found


def test_the_reason_is_that_of_the_pool_that_comes_closest():
    described = cluster(pool(), pool(accelerators=ACCELERATOR, taints=TAINT))
    (found,) = evaluate(of_cluster(described, []), {"p": pod(L4)}, described)
    assert "does not tolerate the taint" in found.found


def test_a_compute_class_is_named_and_not_checked():
    (found,) = evaluate([], {"p": pod({"cloud.google.com/compute-class": "ml"})}, None)
    assert found.found == "p: ComputeClass ml (not checked)"


def test_a_size_that_is_not_known_is_said():
    described = cluster(pool())
    (found,) = evaluate(of_cluster(described, []), {"p": pod(cpu="4")}, described)
    assert found.found == "p: pool-0 (size not known, it has no node)"


def test_profiles_with_the_same_reason_are_one_finding():
    described = cluster(pool())
    good, bad = evaluate(of_cluster(described, []), {"a": pod(), "b": pod(L4), "c": pod(L4)}, described)
    assert good.found == "a: pool-0"
    assert bad.found == "no node pool for b, c (no label cloud.google.com/gke-accelerator=nvidia-l4)"


def test_a_pool_has_every_kind_of_its_nodes():
    described = cluster(pool())
    zone = "topology.kubernetes.io/zone"
    nodes = [node(labels={"cloud.google.com/gke-nodepool": "pool-0", zone: name}, cpu="4") for name in ("a", "b")]
    (found,) = evaluate(of_cluster(described, nodes), {"p": pod({zone: "b"}, cpu="1")}, described)
    assert (found.state, found.found) == ("ok", "p: pool-0")


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
TERMS = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}
SPREAD = {"maxSkew": 1, "topologyKey": "zone"}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"affinity": {"nodeAffinity": {REQUIRED: TERMS}}}, "nodeAffinity"),
        ({"affinity": {"podAffinity": {REQUIRED: [{"topologyKey": "zone"}]}}}, "podAffinity"),
        ({"affinity": {"podAntiAffinity": {REQUIRED: [{"topologyKey": "zone"}]}}}, "podAntiAffinity"),
        (
            {"topologySpreadConstraints": [{**SPREAD, "whenUnsatisfiable": "DoNotSchedule"}]},
            "topologySpreadConstraints",
        ),
        ({"nodeName": "n"}, "nodeName"),
        ({"resourceClaims": [{"name": "gpu"}]}, "resourceClaims"),
        ({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [TERMS]}}}, ""),
        ({"topologySpreadConstraints": [{**SPREAD, "whenUnsatisfiable": "ScheduleAnyway"}]}, ""),
    ],
)
def test_what_is_not_checked_of_a_pod_makes_the_answer_unknown(fields, rule):
    (found,) = evaluate(of_nodes([node(cpu="4")]), {"p": {**pod(cpu="1"), **fields}}, None)
    assert found.state == ("warning" if rule else "ok")
    if rule:
        assert found.found == f"not known, because not all fields of the Pod are checked: p: n, except for {rule}"


def test_an_obstacle_is_one_whatever_else_is_not_checked():
    spec = {**pod(cpu="5"), "affinity": {"nodeAffinity": {REQUIRED: TERMS}}}
    (found,) = evaluate(of_nodes([node(cpu="4")]), {"p": spec}, None)
    assert found.found == f"no node for p (a node of n has 4 cpu, less than 5); {ONLY_NODES}"

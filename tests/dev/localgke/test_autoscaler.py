"""The decisions of the autoscaler, without a cluster."""

from dataclasses import replace

from localgke.autoscaler import BACKOFF_SECONDS, SCHEDULING_SECONDS, Autoscaler, make_node
from localgke.bare_cluster import pool
from localgke.config import load


def autoscaler(*pools):
    return Autoscaler(replace(load(), name="test", node_pools=list(pools)))


def waiting(name, **status):
    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    return {
        "metadata": {"name": name, "uid": name, "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "3"}}}]},
        "status": {"phase": "Pending", "conditions": [refused], **status},
    }


def test_a_pod_with_a_nominated_node_gets_no_new_node():
    scaler = autoscaler(pool("p", size=0, max_size=1))
    assert scaler.step([waiting("a", nominatedNodeName="n")], [], 0.0).wake is None
    assert scaler.step([waiting("a")], [], 0.0).wake == 0.01


def test_a_new_node_is_left_to_the_scheduler_before_another_one_is_requested():
    scaler = autoscaler(pool("p", size=0, max_size=2, scale_up_seconds=1.0))
    assert not scaler.step([waiting("a")], [], 0.0).add
    (node,) = scaler.step([waiting("a")], [], 1.0).add
    node["spec"]["taints"] = [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]
    assert scaler.step([waiting("a")], [node], 1.1).wake == 1.0 + SCHEDULING_SECONDS - 1.1
    other = {**waiting("b"), "spec": {**waiting("b")["spec"], "nodeName": node["metadata"]["name"]}}
    step = scaler.step([waiting("a"), other], [node], 2.0 + SCHEDULING_SECONDS)
    assert [reason for _, _, reason, _ in step.events] == ["TriggeredScaleUp"]


def test_a_pool_without_machines_is_retried_after_its_backoff():
    scaler = autoscaler(pool("p", size=0, max_size=1, scale_up_seconds=1.0, out_of_resources=True))
    scaler.step([waiting("a")], [], 0.0)
    failed = scaler.step([waiting("a")], [], 1.0)
    assert [reason for _, _, reason, _ in failed.events] == ["FailedScaleUp", "NotTriggerScaleUp"]
    assert failed.wake == BACKOFF_SECONDS
    assert scaler.step([waiting("a")], [], 1.0 + BACKOFF_SECONDS).wake == 1.0


def test_an_empty_node_that_its_pool_keeps_causes_no_further_steps():
    kept = pool("p", size=1, max_size=2, scale_down_seconds=1.0)
    scaler = autoscaler(kept)
    nodes = scaler.initial_nodes()
    assert scaler.step([], nodes, 0.0).wake == 1.0
    assert scaler.step([], nodes, 1.0) == type(scaler.step([], nodes, 1.0))()
    nodes.append(make_node(load(), kept, 2))
    scaler.step([], nodes, 2.0)
    assert len(scaler.step([], nodes, 3.0).remove) == 1

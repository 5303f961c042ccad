"""Evictions, and cordoned, tainted and removed nodes: with the real kubectl, and with the store."""

import json

import pytest

from localgke.bare_cluster import Cluster, main_container, on_cluster, pool
from localgke.disruption import SHUTDOWN_MESSAGE, SHUTDOWN_TAINT, evict
from localgke.errors import ApiError
from localgke.objects import NODES, PODS, condition, delete
from localgke.resources import target
from localgke.store import Store

NODE = "gke-test-default-pool-1"


def evicted(store: Store, name: str, **body: object) -> dict[str, object]:
    made = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}, **body}
    return evict(store, target("/api/v1/namespaces/default/pods/p/eviction"), made)


@on_cluster()
async def test_an_evicted_pod_is_marked_as_disrupted_and_stopped(cluster: Cluster) -> None:
    cluster.pod("p", "exec sleep 600")
    await cluster.phase("p", "Running")
    cluster.change(PODS, "p", lambda pod: pod["metadata"].update(finalizers=["test/keep"]))
    assert evicted(cluster.store, "p")["status"] == "Success"
    await cluster.phase("p", "Failed")
    found = condition(cluster.store.get(PODS, "default", "p"), "DisruptionTarget") or {}
    assert (found["status"], found["reason"]) == ("True", "EvictionByEvictionAPI")
    assert found["message"] == "Eviction API: evicting"


@on_cluster()
async def test_an_eviction_of_another_pod_than_it_names_is_refused(cluster: Cluster) -> None:
    uid = cluster.pod("p", "exec sleep 600")["metadata"]["uid"]
    with pytest.raises(ApiError, match="name in URL does not match name in Eviction object"):
        evicted(cluster.store, "q")
    with pytest.raises(ApiError, match=r"the UID in the precondition \(other\) does not match") as caught:
        evicted(cluster.store, "p", deleteOptions={"preconditions": {"uid": "other"}})
    assert caught.value.reason == "Conflict"
    assert condition(cluster.store.get(PODS, "default", "p"), "DisruptionTarget") is None
    evicted(cluster.store, "p", deleteOptions={"preconditions": {"uid": uid}})
    await cluster.gone(PODS, "p")


@on_cluster(pools=[pool("default-pool")])
async def test_only_a_pod_with_a_toleration_is_bound_to_a_cordoned_node(cluster: Cluster) -> None:
    await cluster.until(lambda: cluster.store.find(NODES, "", NODE))
    cordon(cluster.store, True)
    cluster.pod("p", "true")
    tolerations = [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}]
    cluster.pod("tolerant", "true", spec={"tolerations": tolerations})
    await cluster.phase("tolerant", "Succeeded")
    refused = await cluster.until(lambda: condition(cluster.store.get(PODS, "default", "p"), "PodScheduled"))
    assert refused["message"].startswith("0/1 nodes are available: 1 node(s) were unschedulable.")
    (taint,) = cluster.store.get(NODES, "", NODE)["spec"]["taints"]
    assert (taint["key"], taint["effect"]) == ("node.kubernetes.io/unschedulable", "NoSchedule")
    cordon(cluster.store, False)
    await cluster.phase("p", "Succeeded")
    assert not cluster.store.get(NODES, "", NODE)["spec"].get("taints")


def cordon(store: Store, unschedulable: bool) -> None:
    node = store.get(NODES, "", NODE)
    node["spec"]["unschedulable"] = unschedulable
    store.update(NODES, node)


def test_a_job_survives_a_drain_that_its_policy_ignores(kubectl):
    name = kubectl.name("drained")
    container = {"name": "main", "image": "busybox", "command": ["sleep", "600"]}
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    job = {"backoffLimit": 0, "podFailurePolicy": {"rules": [rule]}, "template": {"spec": spec}}
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": job}
    kubectl("create", "-f", "-", manifest=manifest)
    running = ("wait", f"--selector=job-name={name}", "--for=condition=Ready", "pod", "--timeout=30s")
    kubectl(*running)
    shown = ("get", "pods", f"--selector=job-name={name}", "-o", "jsonpath={.items[0].spec.nodeName}")
    node, (pod,) = kubectl(*shown), kubectl("get", "pods", f"--selector=job-name={name}", "-o", "name").splitlines()
    said = kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=30s")
    assert f"node/{node} drained" in said
    assert "Ready,SchedulingDisabled" in kubectl("get", "node", node)
    assert pod not in kubectl("get", "pods", "-o", "name")
    kubectl("uncordon", node)
    assert "SchedulingDisabled" not in kubectl("get", "node", node)
    kubectl("wait", f"--selector=job-name={name}", "--for=create", "pod", "--timeout=30s")
    kubectl(*running)
    status = json.loads(kubectl("get", "job", name, "-o", "jsonpath={.status}"))
    assert status["active"] == 1
    assert "failed" not in status
    kubectl("delete", "job", name)


def test_only_cordon_and_taints_of_a_node_can_change(kubectl):
    node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    said = kubectl("patch", "node", node, "--type=merge", "--patch", '{"spec": {"podCIDR": "10.0.0.0/24"}}', fails=True)
    assert "localgke does not imitate" in said


@on_cluster()
async def test_a_taint_ends_the_pods_that_do_not_tolerate_it(cluster: Cluster) -> None:
    tolerations = [{"key": "preempted", "operator": "Exists"}]
    cluster.pod("tolerant", "exec sleep 600", spec={"tolerations": tolerations})
    cluster.pod("p", "exec sleep 600")
    for name in ("p", "tolerant"):
        await cluster.phase(name, "Running")
    cluster.change(PODS, "p", lambda pod: pod["metadata"].update(finalizers=["test/keep"]))
    node = cluster.store.list(NODES)[0]
    node["spec"]["taints"] = [{"key": "preempted", "effect": "NoExecute"}]
    cluster.store.update(NODES, node)
    await cluster.phase("p", "Failed")
    found = condition(cluster.store.get(PODS, "default", "p"), "DisruptionTarget") or {}
    assert (found["status"], found["reason"]) == ("True", "DeletionByTaintManager")
    assert "deletionTimestamp" not in cluster.store.get(PODS, "default", "tolerant")["metadata"]


@on_cluster()
async def test_the_pods_of_a_removed_node_fail(cluster: Cluster) -> None:
    cluster.pod("p", "exec sleep 600")
    await cluster.phase("p", "Running")
    cluster.change(PODS, "p", lambda pod: pod["metadata"].update(finalizers=["test/keep"]))
    delete(cluster.store, cluster.store.list(NODES)[0])
    await cluster.phase("p", "Failed")
    found = condition(cluster.store.get(PODS, "default", "p"), "DisruptionTarget") or {}
    assert (found["status"], found["reason"]) == ("True", "DeletionByPodGC")


@on_cluster(pools=[pool("default-pool")])
async def test_the_pods_of_a_preempted_node_are_terminated_and_the_node_is_removed(cluster: Cluster) -> None:
    cluster.pod("p", "trap 'exit 3' TERM; echo; sleep 600 & wait")
    await cluster.logged("p", "\n")
    node = cluster.store.get(NODES, "", NODE)
    node["spec"]["taints"] = [{"key": SHUTDOWN_TAINT, "effect": "NoSchedule"}]
    cluster.store.update(NODES, node)
    status = await cluster.phase("p", "Failed")
    assert (status["reason"], status["message"]) == ("Terminated", SHUTDOWN_MESSAGE)
    assert main_container(status)["state"]["terminated"]["exitCode"] == 3
    found = condition(cluster.store.get(PODS, "default", "p"), "DisruptionTarget") or {}
    assert (found["status"], found["reason"]) == ("True", "TerminationByKubelet")
    await cluster.until(lambda: cluster.store.find(NODES, "", NODE) is None)

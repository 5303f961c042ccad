"""The scheduler, with the store."""

from decimal import Decimal

import pytest

from localgke.bare_cluster import Cluster, on_cluster, pool
from localgke.objects import PODS, condition
from localgke.scheduler import quantity, requests
from localgke.store import Object

GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
SMALL = {"cpu": "1", "memory": "1Gi"}


def requesting(**resources: str) -> Object:
    return {"resources": {"requests": resources}}


async def refused(cluster: Cluster, name: str) -> str:
    """Returns the scheduler's message about a Pod, once there is one."""
    found = await cluster.until(lambda: condition(cluster.store.get(PODS, "default", name), "PodScheduled"))
    assert (found["status"], found["reason"]) == ("False", "Unschedulable")
    return str(found["message"])


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("2", "2"),
        ("500m", "0.5"),
        ("1.5", "1.5"),
        ("1e3", "1000"),
        ("1E", "1e18"),
        ("1k", "1000"),
        ("2Ki", "2048"),
        ("16Gi", str(16 * 2**30)),
    ],
)
def test_quantities_are_read_as_kubernetes_writes_them(text: str, amount: str) -> None:
    assert quantity(text) == Decimal(amount)


def test_an_invalid_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="'16GB' is not a quantity"):
        quantity("16GB")


def test_a_pod_requests_the_sum_of_its_containers_where_a_limit_alone_is_the_request() -> None:
    containers = [requesting(cpu="1", memory="1Gi"), {"resources": {"limits": {"cpu": "500m"}}}]
    assert requests([{"spec": {"containers": containers}}]) == {"cpu": Decimal("1.5"), "memory": 2**30}


@on_cluster(pools=[pool("small", allocatable=SMALL), pool("gpu", size=2, taints=[GPU_TAINT])])
async def test_a_pod_that_fits_no_node_waits_with_the_reason_of_each_node(cluster: Cluster) -> None:
    cluster.pod("big", "exit 0", **requesting(cpu="2"))
    message = await refused(cluster, "big")
    assert message == (
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s)."
        " preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    )
    assert cluster.events("big") == [("FailedScheduling", message)]


@on_cluster(pools=[pool("plain"), pool("gpu", taints=[GPU_TAINT])])
async def test_a_pod_with_toleration_and_selector_is_bound_to_a_tainted_node(cluster: Cluster) -> None:
    toleration = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
    spec = {"nodeSelector": {"cloud.google.com/gke-nodepool": "gpu"}, "tolerations": [toleration]}
    cluster.pod("p", "exit 0", spec=spec)
    await cluster.phase("p", "Succeeded")
    assert cluster.store.get(PODS, "default", "p")["spec"]["nodeName"] == "gke-test-gpu-1"
    assert ("Scheduled", "Successfully assigned default/p to gke-test-gpu-1") in cluster.events("p")


@on_cluster(pools=[pool("small", allocatable=SMALL)])
async def test_a_pod_gets_the_resources_that_another_one_releases(cluster: Cluster) -> None:
    cluster.pod("first", "exec sleep 600", **requesting(cpu="1"))
    await cluster.phase("first", "Running")
    cluster.pod("second", "exit 0", **requesting(cpu="1"))
    assert await refused(cluster, "second") == (
        "0/1 nodes are available: 1 Insufficient cpu."
        " preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    )
    cluster.delete(PODS, "first")
    await cluster.phase("second", "Succeeded")


@on_cluster(pools=[])
async def test_a_cluster_without_nodes_has_no_reasons_to_count(cluster: Cluster) -> None:
    cluster.pod("p", "exit 0")
    assert await refused(cluster, "p") == "no nodes available to schedule pods"

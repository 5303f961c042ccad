"""The node pools and their autoscaler, with the store."""

from localgke.autoscaler import STOCKOUT
from localgke.bare_cluster import Cluster, on_cluster, pool
from localgke.objects import NODES, delete

GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


@on_cluster(pools=[pool("gpu", size=0, max_size=2, allocatable={"cpu": "4", "nvidia.com/gpu": "1"})])
async def test_a_pool_grows_by_one_node_for_each_pod_that_needs_one(cluster: Cluster) -> None:
    for name in ("a", "b"):
        cluster.pod(name, "exit 0", resources={"limits": {"nvidia.com/gpu": "1"}})
    for name in ("a", "b"):
        await cluster.phase(name, "Succeeded")
        assert "TriggeredScaleUp" in {reason for reason, _ in cluster.events(name)}
    assert [node["metadata"]["name"] for node in cluster.store.list(NODES)] == ["gke-test-gpu-1", "gke-test-gpu-2"]


@on_cluster(pools=[pool("gpu", size=2, max_size=3, allocatable={"cpu": "1"})])
async def test_an_added_node_has_a_unique_name(cluster: Cluster) -> None:
    await cluster.until(lambda: len(cluster.store.list(NODES)) == 2)
    delete(cluster.store, cluster.store.list(NODES)[0])
    cluster.pod("a", "exec sleep 600", resources={"requests": {"cpu": "1"}})
    cluster.pod("b", "exit 0", resources={"requests": {"cpu": "1"}})
    await cluster.phase("b", "Succeeded")
    assert [node["metadata"]["name"] for node in cluster.store.list(NODES)] == ["gke-test-gpu-2", "gke-test-gpu-3"]


@on_cluster(
    pools=[pool("plain"), pool("gpu", size=0, max_size=1, taints=[GPU_TAINT]), pool("tiny", size=0, max_size=1)]
)
async def test_the_autoscaler_records_why_it_adds_no_node_for_a_pod(cluster: Cluster) -> None:
    cluster.pod("huge", "exit 0", resources={"requests": {"cpu": "64"}})
    await cluster.until(lambda: len(cluster.events("huge")) == 2)
    message = "pod didn't trigger scale-up: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)"
    assert ("NotTriggerScaleUp", message) in cluster.events("huge")
    assert len(cluster.store.list(NODES)) == 1


@on_cluster(pools=[pool("spot", spot=True, labels={"team": "ml"}, taints=[GPU_TAINT])])
async def test_a_node_has_the_labels_taints_and_resources_of_its_pool(cluster: Cluster) -> None:
    (node,) = await cluster.until(lambda: cluster.store.list(NODES))
    labels = node["metadata"]["labels"]
    assert labels["cloud.google.com/gke-nodepool"] == "spot"
    assert labels["cloud.google.com/gke-spot"] == "true"
    assert labels["team"] == "ml"
    assert node["spec"]["taints"] == [GPU_TAINT]
    assert node["status"]["allocatable"] == {"cpu": "4", "memory": "16Gi"}


@on_cluster(
    pools=[
        pool("none-left", size=0, max_size=1, out_of_resources=True, allocatable={"cpu": "8"}),
        pool("large", size=0, max_size=1, allocatable={"cpu": "8"}),
    ]
)
async def test_a_pool_whose_zone_has_no_machines_is_skipped_during_its_backoff(cluster: Cluster) -> None:
    cluster.pod("p", "exit 0", resources={"requests": {"cpu": "6"}})
    await cluster.phase("p", "Succeeded")
    failed = STOCKOUT.format(zone="europe-west4-a")
    assert [said for said in cluster.events("p") if said[0].endswith("ScaleUp")] == [
        ("TriggeredScaleUp", "pod triggered scale-up: [{none-left 0->1 (max: 1)}]"),
        ("FailedScaleUp", failed),
        ("TriggeredScaleUp", "pod triggered scale-up: [{large 0->1 (max: 1)}]"),
    ]


@on_cluster(pools=[pool("none-left", size=0, max_size=1, out_of_resources=True)])
async def test_a_pod_without_another_pool_waits_until_its_pool_is_retried(cluster: Cluster) -> None:
    cluster.pod("p", "exit 0")
    message = "pod didn't trigger scale-up: 1 in backoff after failed scale-up"
    await cluster.until(lambda: ("NotTriggerScaleUp", message) in cluster.events("p"))
    assert not cluster.store.list(NODES)


@on_cluster(pools=[pool("p", size=0, max_size=2, allocatable={"cpu": "4"}, scale_up_seconds=0.2)])
async def test_pods_share_a_node_if_they_fit_and_no_node_exceeds_the_maximum(cluster: Cluster) -> None:
    for number in range(6):
        cluster.pod(f"p{number}", "exec sleep 600", resources={"requests": {"cpu": "2"}})
    for number in range(4):
        await cluster.phase(f"p{number}", "Running")
    message = "pod didn't trigger scale-up: 1 max node group size reached"
    for number in (4, 5):
        await cluster.until(lambda name=f"p{number}": ("NotTriggerScaleUp", message) in cluster.events(name))
    assert len(cluster.store.list(NODES)) == 2


@on_cluster(pools=[pool("p", size=0, max_size=1, scale_down_seconds=0.1), pool("kept", max_size=2)])
async def test_empty_nodes_are_removed_down_to_the_size_of_their_pool(cluster: Cluster) -> None:
    selector = {"nodeSelector": {"cloud.google.com/gke-nodepool": "p"}}
    cluster.pod("p", "exit 0", spec=selector)
    await cluster.phase("p", "Succeeded")
    await cluster.until(lambda: [node["metadata"]["name"] for node in cluster.store.list(NODES)] == ["gke-test-kept-1"])

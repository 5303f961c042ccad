"""The garbage collector, with the store."""

from localgke.bare_cluster import Cluster, on_cluster
from localgke.objects import JOBS, PODS


async def running(cluster: Cluster, name: str) -> str:
    """Returns the name of the only Pod of a Job, once it runs."""
    pods = await cluster.until(lambda: [pod for pod in cluster.pods(name) if pod["status"]["phase"] == "Running"])
    return str(pods[0]["metadata"]["name"])


@on_cluster()
async def test_background_deletion_removes_the_job_at_once_and_its_pods_after_it(cluster: Cluster) -> None:
    cluster.job("train", "exec sleep 600")
    pod = await running(cluster, "train")
    cluster.delete(JOBS, "train")
    assert cluster.store.find(JOBS, "default", "train") is None
    assert cluster.store.find(PODS, "default", pod) is not None
    await cluster.gone(PODS, pod)


@on_cluster()
async def test_foreground_deletion_keeps_the_job_until_its_pods_are_gone(cluster: Cluster) -> None:
    cluster.job("train", "exec sleep 600")
    pod = await running(cluster, "train")
    cluster.delete(JOBS, "train", policy="Foreground")
    order = []

    def both_gone() -> bool:
        for resource, name in ((PODS, pod), (JOBS, "train")):
            if name not in order and cluster.store.find(resource, "default", name) is None:
                order.append(name)
        return len(order) == 2

    await cluster.until(both_gone)
    assert order == [pod, "train"]


@on_cluster()
async def test_orphaned_pods_outlive_their_job(cluster: Cluster) -> None:
    cluster.job("train", "exec sleep 600")
    pod = await running(cluster, "train")
    cluster.delete(JOBS, "train", policy="Orphan")
    await cluster.gone(JOBS, "train")
    left = cluster.store.get(PODS, "default", pod)
    assert left["metadata"]["ownerReferences"] == []
    assert "deletionTimestamp" not in left["metadata"]


@on_cluster()
async def test_an_object_stays_as_long_as_one_of_its_owners_exists(cluster: Cluster) -> None:
    owners = [cluster.create("configmaps", "ConfigMap", name) for name in ("one", "two")]
    references = [{"uid": owner["metadata"]["uid"], "kind": "ConfigMap"} for owner in owners]
    cluster.create("secrets", "Secret", "child", metadata={"ownerReferences": references})
    cluster.create("secrets", "Secret", "other", metadata={"ownerReferences": references[:1]})
    cluster.delete("configmaps", "one")
    await cluster.gone("secrets", "other")
    assert cluster.store.find("secrets", "default", "child")
    cluster.delete("configmaps", "two")
    await cluster.gone("secrets", "child")

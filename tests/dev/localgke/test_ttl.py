"""The deletion of finished Jobs, with the store."""

from localgke.bare_cluster import Cluster, on_cluster
from localgke.objects import JOBS


@on_cluster()
async def test_a_finished_job_is_deleted_with_its_pods_after_its_ttl(cluster: Cluster) -> None:
    cluster.job("brief", "exit 0", ttlSecondsAfterFinished=0)
    await cluster.gone(JOBS, "brief")
    assert cluster.pods("brief") == []

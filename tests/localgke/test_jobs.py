"""The Job controller, driven through the store."""

import pytest

from localgke.bare_cluster import Cluster, on_cluster
from localgke.jobs import INDEX, format_indexes
from localgke.objects import JOBS, PODS, condition, is_true


@on_cluster()
async def test_a_job_whose_pod_succeeds_is_complete_after_its_success_criteria_are_met(cluster: Cluster) -> None:
    cluster.job("train", "exit 0")
    status = await cluster.condition("train", "Complete")
    assert (status["succeeded"], status["ready"], status["terminating"]) == (1, 0, 0)
    assert "active" not in status
    assert "failed" not in status
    assert status["completionTime"] >= status["startTime"]
    decided = cluster.store.watch(
        "1", lambda change: change.resource == JOBS and bool(condition(change.object, "SuccessCriteriaMet"))
    )
    first = await decided.__anext__()
    assert [item["type"] for item in first.object["status"]["conditions"]] == ["SuccessCriteriaMet"]
    (pod,) = cluster.pods("train")
    assert pod["metadata"]["ownerReferences"][0]["name"] == "train"
    created = ("SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
    assert cluster.events("train") == [created, ("Completed", "Job completed")]


@on_cluster()
async def test_a_job_fails_when_more_pods_have_failed_than_its_backoff_limit(cluster: Cluster) -> None:
    cluster.job("train", "exit 3", backoffLimit=2)
    status = await cluster.condition("train", "Failed")
    assert status["failed"] == 3
    assert len(cluster.pods("train")) == 3
    assert [item["type"] for item in status["conditions"]] == ["FailureTarget", "Failed"]
    assert status["conditions"][1]["reason"] == "BackoffLimitExceeded"
    assert "completionTime" not in status
    assert ("BackoffLimitExceeded", "Job has reached the specified backoff limit") in cluster.events("train")


@on_cluster()
async def test_restarts_in_place_count_towards_the_backoff_limit(cluster: Cluster) -> None:
    cluster.job("train", "exit 3", backoffLimit=1, pod={"restartPolicy": "OnFailure"})
    status = await cluster.condition("train", "Failed")
    assert status["failed"] == 1


@on_cluster()
async def test_parallelism_bounds_the_pods_at_a_time_and_completions_those_that_must_succeed(cluster: Cluster) -> None:
    most = 0

    def watched() -> bool:
        nonlocal most
        status = cluster.store.get(JOBS, "default", "train").get("status", {})
        most = max(most, status.get("active", 0))
        return bool(status.get("succeeded") == 5)

    cluster.job("train", "exit 0", parallelism=2, completions=5)
    await cluster.until(watched)
    await cluster.condition("train", "Complete")
    assert most == 2
    assert len(cluster.pods("train")) == 5


@on_cluster()
async def test_a_work_queue_is_complete_when_one_pod_succeeded_and_all_have_ended(cluster: Cluster) -> None:
    cluster.job("queue", "exit 0", parallelism=3, completions=None)
    status = await cluster.condition("queue", "Complete")
    assert status["succeeded"] == len(cluster.pods("queue"))
    assert status["succeeded"] <= 3


@on_cluster()
async def test_an_indexed_job_gives_each_pod_its_index_in_name_environment_and_labels(cluster: Cluster) -> None:
    script = 'echo "$JOB_COMPLETION_INDEX on $(hostname)"'
    cluster.job("array", script, parallelism=3, completions=3, completionMode="Indexed")
    status = await cluster.condition("array", "Complete")
    assert status["completedIndexes"] == "0-2"
    pods = cluster.pods("array")
    assert [pod["metadata"]["labels"][INDEX] for pod in pods] == ["0", "1", "2"]
    for index, pod in enumerate(pods):
        assert pod["metadata"]["name"].startswith(f"array-{index}-")
        assert cluster.log(pod["metadata"]["name"]) == f"{index} on array-{index}\n"


@on_cluster()
async def test_an_index_that_failed_gets_another_pod(cluster: Cluster) -> None:
    script = "exit $JOB_COMPLETION_INDEX"
    cluster.job("array", script, parallelism=2, completions=2, completionMode="Indexed", backoffLimit=1)
    status = await cluster.condition("array", "Failed")
    assert status["completedIndexes"] == "0"
    assert [pod["metadata"]["labels"][INDEX] for pod in cluster.pods("array")] == ["0", "1", "1"]


@on_cluster()
async def test_a_job_that_takes_longer_than_its_deadline_is_stopped_and_fails(cluster: Cluster) -> None:
    cluster.job("slow", "exec sleep 600", activeDeadlineSeconds=1)
    status = await cluster.condition("slow", "Failed")
    assert [item["reason"] for item in status["conditions"]] == ["DeadlineExceeded", "DeadlineExceeded"]
    assert status["terminating"] == 0
    assert cluster.pods("slow") == []


@on_cluster()
async def test_a_suspended_job_has_no_pods_until_it_is_resumed(cluster: Cluster) -> None:
    cluster.job("queued", "exit 0", suspend=True)
    status = await cluster.condition("queued", "Suspended")
    assert "startTime" not in status
    assert cluster.pods("queued") == []
    cluster.change(JOBS, "queued", lambda job: job["spec"].update(suspend=False))
    await cluster.condition("queued", "Complete")
    assert not is_true(cluster.store.get(JOBS, "default", "queued"), "Suspended")
    assert {"Suspended", "Resumed"} <= {reason for reason, _ in cluster.events("queued")}


@on_cluster()
async def test_suspending_a_running_job_deletes_its_pod_without_counting_a_failure(cluster: Cluster) -> None:
    cluster.job("long", "exec sleep 600")
    await cluster.until(lambda: any(pod["status"]["phase"] == "Running" for pod in cluster.pods("long")))
    cluster.change(JOBS, "long", lambda job: job["spec"].update(suspend=True))
    await cluster.condition("long", "Suspended")
    await cluster.until(lambda: not cluster.pods("long"))
    assert "failed" not in cluster.store.get(JOBS, "default", "long")["status"]


@on_cluster()
async def test_a_pod_that_somebody_deletes_is_counted_as_failed_and_replaced(cluster: Cluster) -> None:
    cluster.job("train", "exec sleep 600")
    first = await cluster.until(lambda: cluster.pods("train"))
    cluster.delete(PODS, first[0]["metadata"]["name"])
    await cluster.gone(PODS, first[0]["metadata"]["name"])
    await cluster.until(lambda: cluster.pods("train"))
    assert cluster.store.get(JOBS, "default", "train")["status"]["failed"] == 1


@on_cluster()
async def test_a_finished_job_is_deleted_with_its_pods_when_its_ttl_is_over(cluster: Cluster) -> None:
    cluster.job("brief", "exit 0", ttlSecondsAfterFinished=0)
    await cluster.gone(JOBS, "brief")
    assert cluster.pods("brief") == []


@pytest.mark.parametrize(
    ("indexes", "text"),
    [(set(), ""), ({0, 1}, "0,1"), ({1, 3, 4, 5, 7}, "1,3-5,7"), (set(range(12)), "0-11")],
)
def test_completed_indexes_are_written_as_ranges_of_three_or_more(indexes: set[int], text: str) -> None:
    assert format_indexes(indexes) == text

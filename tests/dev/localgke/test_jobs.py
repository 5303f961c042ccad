"""The Job controller, with the store."""

from localgke.bare_cluster import Cluster, on_cluster
from localgke.job_pods import FINALIZER, INDEX, INDEX_FAILURES
from localgke.objects import JOBS, PODS, condition, is_true, set_condition
from localgke.store import Object

IGNORING_SIGTERM = "trap '' TERM; while :; do sleep 0.01; done"


def status(cluster: Cluster, job: str) -> Object:
    found: Object = cluster.store.get(JOBS, "default", job)["status"]
    return found


async def running(cluster: Cluster, job: str) -> Object:
    """Returns the Pod of a Job, once it runs and nobody has deleted it."""

    def found() -> Object | None:
        pods = [pod for pod in cluster.pods(job) if "deletionTimestamp" not in pod["metadata"]]
        return next((pod for pod in pods if pod["status"]["phase"] == "Running"), None)

    pod: Object = await cluster.until(found)
    return pod


@on_cluster()
async def test_a_job_whose_pod_succeeds_is_complete_after_its_success_criteria_are_met(cluster: Cluster) -> None:
    cluster.job("train", "exit 0")
    ended = await cluster.condition("train", "Complete")
    assert (ended["succeeded"], ended["ready"], ended["terminating"]) == (1, 0, 0)
    assert "active" not in ended
    assert "failed" not in ended
    assert ended["completionTime"] >= ended["startTime"]
    decided = cluster.store.watch(
        "1", lambda change: change.resource == JOBS and bool(condition(change.object, "SuccessCriteriaMet"))
    )
    first = await decided.__anext__()
    assert [item["type"] for item in first.object["status"]["conditions"]] == ["SuccessCriteriaMet"]
    (pod,) = cluster.pods("train")
    assert first.object["status"]["uncountedTerminatedPods"] == {"succeeded": [pod["metadata"]["uid"]]}
    assert ended["uncountedTerminatedPods"] == {}
    assert "finalizers" not in pod["metadata"]
    assert pod["metadata"]["ownerReferences"][0]["name"] == "train"
    created = ("SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
    assert cluster.events("train") == [created, ("Completed", "Job completed")]


@on_cluster()
async def test_a_job_fails_when_more_pods_have_failed_than_its_backoff_limit(cluster: Cluster) -> None:
    cluster.job("train", "exit 3", backoffLimit=2)
    ended = await cluster.condition("train", "Failed")
    assert ended["failed"] == 3
    assert len(cluster.pods("train")) == 3
    assert [item["type"] for item in ended["conditions"]] == ["FailureTarget", "Failed"]
    assert ended["conditions"][1]["reason"] == "BackoffLimitExceeded"
    assert "completionTime" not in ended
    assert ("BackoffLimitExceeded", "Job has reached the specified backoff limit") in cluster.events("train")


@on_cluster()
async def test_restarts_in_place_count_towards_the_backoff_limit(cluster: Cluster) -> None:
    cluster.job("train", "exit 3", backoffLimit=1, pod={"restartPolicy": "OnFailure"})
    ended = await cluster.condition("train", "Failed")
    assert ended["failed"] == 1


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
    ended = await cluster.condition("queue", "Complete")
    assert ended["succeeded"] == len(cluster.pods("queue"))
    assert ended["succeeded"] <= 3


@on_cluster()
async def test_an_indexed_job_gives_each_pod_its_index_in_name_environment_and_labels(cluster: Cluster) -> None:
    script = 'echo "$JOB_COMPLETION_INDEX on $(hostname)"'
    cluster.job("array", script, parallelism=3, completions=3, completionMode="Indexed")
    ended = await cluster.condition("array", "Complete")
    assert ended["completedIndexes"] == "0-2"
    pods = cluster.pods("array")
    assert [pod["metadata"]["labels"][INDEX] for pod in pods] == ["0", "1", "2"]
    for index, pod in enumerate(pods):
        assert pod["metadata"]["name"].startswith(f"array-{index}-")
        assert cluster.log(pod["metadata"]["name"]) == f"{index} on array-{index}\n"


@on_cluster()
async def test_an_index_that_failed_gets_another_pod(cluster: Cluster) -> None:
    script = "exit $JOB_COMPLETION_INDEX"
    cluster.job("array", script, parallelism=2, completions=2, completionMode="Indexed", backoffLimit=1)
    ended = await cluster.condition("array", "Failed")
    assert ended["completedIndexes"] == "0"
    assert [pod["metadata"]["labels"][INDEX] for pod in cluster.pods("array")] == ["0", "1", "1"]


@on_cluster()
async def test_a_job_that_takes_longer_than_its_deadline_is_stopped_and_fails(cluster: Cluster) -> None:
    cluster.job("slow", "exec sleep 600", activeDeadlineSeconds=1)
    ended = await cluster.condition("slow", "Failed")
    assert [item["reason"] for item in ended["conditions"]] == ["DeadlineExceeded", "DeadlineExceeded"]
    assert ended["terminating"] == 0
    assert cluster.pods("slow") == []


@on_cluster()
async def test_a_suspended_job_has_no_pods_until_it_is_resumed(cluster: Cluster) -> None:
    cluster.job("queued", "exit 0", suspend=True)
    ended = await cluster.condition("queued", "Suspended")
    assert "startTime" not in ended
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
async def test_a_deleted_pod_is_counted_as_failed_and_replaced_at_once(cluster: Cluster) -> None:
    cluster.job("train", IGNORING_SIGTERM, pod={"terminationGracePeriodSeconds": 600})
    first = await running(cluster, "train")
    cluster.delete(PODS, first["metadata"]["name"])
    await cluster.until(lambda: len(cluster.pods("train")) == 2)
    await cluster.until(lambda: status(cluster, "train").get("failed") == 1)
    assert status(cluster, "train")["terminating"] == 1


@on_cluster()
async def test_a_job_that_replaces_only_failed_pods_waits_until_a_deleted_one_has_ended(cluster: Cluster) -> None:
    spec = {"podReplacementPolicy": "Failed", "pod": {"terminationGracePeriodSeconds": 600}}
    cluster.job("train", IGNORING_SIGTERM, **spec)
    name = (await running(cluster, "train"))["metadata"]["name"]
    cluster.delete(PODS, name)
    await cluster.until(lambda: status(cluster, "train").get("terminating") == 1)
    assert len(cluster.pods("train")) == 1
    assert "failed" not in status(cluster, "train")
    cluster.delete(PODS, name, grace=0)
    await cluster.gone(PODS, name)
    await running(cluster, "train")
    assert status(cluster, "train")["failed"] == 1


@on_cluster()
async def test_a_failure_that_the_policy_ignores_is_replaced_and_not_counted(cluster: Cluster) -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    cluster.job("train", "exec sleep 600", backoffLimit=0, podFailurePolicy={"rules": [rule]})
    name = (await running(cluster, "train"))["metadata"]["name"]
    cluster.change(PODS, name, lambda pod: set_condition(pod, "DisruptionTarget", "True"))
    cluster.delete(PODS, name)
    await cluster.gone(PODS, name)
    await running(cluster, "train")
    assert not {"failed", "conditions"} & status(cluster, "train").keys()


@on_cluster()
async def test_an_exit_code_of_the_policy_fails_the_job_whatever_its_backoff_limit(cluster: Cluster) -> None:
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    script = "test $JOB_COMPLETION_INDEX = 1 || exec sleep 600; exit 42"
    indexed = {"parallelism": 2, "completions": 2, "completionMode": "Indexed"}
    cluster.job("train", script, **indexed, podFailurePolicy={"rules": [rule]})
    failed = await cluster.condition("train", "Failed")
    (pod,) = cluster.pods("train")
    name = f"default/{pod['metadata']['name']}"
    message = f"Container c for pod {name} failed with exit code 42 matching FailJob rule at index 0"
    assert [(item["type"], item["reason"], item["message"]) for item in failed["conditions"]] == [
        ("FailureTarget", "PodFailurePolicy", message),
        ("Failed", "PodFailurePolicy", message),
    ]
    assert failed["failed"] == 2
    assert ("PodFailurePolicy", message) in cluster.events("train")


@on_cluster()
async def test_no_pod_keeps_its_finalizer_after_the_deletion_of_its_job(cluster: Cluster) -> None:
    cluster.job("train", "exec sleep 600")
    name = (await running(cluster, "train"))["metadata"]["name"]
    assert cluster.store.get(PODS, "default", name)["metadata"]["finalizers"] == [FINALIZER]
    cluster.delete(JOBS, "train", policy="Orphan")
    await cluster.until(lambda: "finalizers" not in cluster.store.get(PODS, "default", name)["metadata"])
    cluster.delete(PODS, name)
    await cluster.gone(PODS, name)


@on_cluster()
async def test_a_job_is_deleted_with_its_pods(cluster: Cluster) -> None:
    cluster.job("train", "exec sleep 600")
    await running(cluster, "train")
    cluster.delete(JOBS, "train", policy="Foreground")
    await cluster.gone(JOBS, "train")
    assert cluster.pods("train") == []


@on_cluster(pools=[])
async def test_a_pod_deleted_before_it_has_a_node_has_failed(cluster: Cluster) -> None:
    cluster.job("train", "exit 0", podReplacementPolicy="Failed")
    (first,) = await cluster.until(lambda: cluster.pods("train"))
    cluster.delete(PODS, first["metadata"]["name"])
    await cluster.gone(PODS, first["metadata"]["name"])
    await cluster.until(lambda: cluster.pods("train"))
    assert status(cluster, "train")["failed"] == 1


@on_cluster()
async def test_with_a_limit_for_each_index_the_other_indexes_continue_and_then_the_job_fails(cluster: Cluster) -> None:
    cluster.job(
        "train",
        'test "$JOB_COMPLETION_INDEX" = 1 || exit 3',
        completions=3,
        parallelism=3,
        completionMode="Indexed",
        backoffLimit=2**31 - 1,
        backoffLimitPerIndex=1,
    )
    ended = await cluster.condition("train", "Failed")
    assert (ended["completedIndexes"], ended["failedIndexes"]) == ("1", "0,2")
    assert (ended["succeeded"], ended["failed"]) == (1, 4)
    assert [item["reason"] for item in ended["conditions"]] == ["FailedIndexes", "FailedIndexes"]
    counts = sorted(
        (pod["metadata"]["annotations"][INDEX], pod["metadata"]["annotations"][INDEX_FAILURES])
        for pod in cluster.pods("train")
    )
    assert counts == [("0", "0"), ("0", "1"), ("1", "0"), ("2", "0"), ("2", "1")]
    assert all("finalizers" not in pod["metadata"] for pod in cluster.pods("train"))


@on_cluster()
async def test_more_failed_indexes_than_allowed_end_the_job(cluster: Cluster) -> None:
    cluster.job(
        "train",
        'test "$JOB_COMPLETION_INDEX" = 1 && exec sleep 600; exit 3',
        completions=2,
        parallelism=2,
        completionMode="Indexed",
        backoffLimit=2**31 - 1,
        backoffLimitPerIndex=0,
        maxFailedIndexes=0,
    )
    ended = await cluster.condition("train", "Failed")
    assert ended["conditions"][0]["reason"] == "MaxFailedIndexesExceeded"
    assert ended["failedIndexes"] == "0"


@on_cluster()
async def test_an_exit_code_of_a_fail_index_rule_fails_the_index(cluster: Cluster) -> None:
    codes = {"operator": "In", "values": [3]}
    cluster.job(
        "train",
        "exit 3",
        completionMode="Indexed",
        backoffLimit=2**31 - 1,
        backoffLimitPerIndex=5,
        podFailurePolicy={"rules": [{"action": "FailIndex", "onExitCodes": codes}]},
    )
    ended = await cluster.condition("train", "Failed")
    assert (ended["failedIndexes"], ended["failed"]) == ("0", 1)

"""The profiles of retries with a real Airflow: after a preemption, without nodes, after OOMKilled."""

from __future__ import annotations

import pytest

from e2e.jobs import evict, job_of, running_pod
from e2e.runs import Airflow
from polling import wait_until

RUNS = ("falls_after_preemptions", "falls_without_nodes", "falls_and_grows", "falls_deferred")


@pytest.fixture(scope="module")
def runs(airflow: Airflow) -> None:
    for dag_id in RUNS:
        airflow.trigger(dag_id)


def profile_of(dag_id: str, try_number: int) -> str | None:
    """Return the profile of the Job of a try, None if the DAG has no Job of that try."""
    annotations = (job_of(dag_id) or {"metadata": {"annotations": {}}})["metadata"]["annotations"]
    return annotations.get("gke-job/profile") if annotations.get("gke-job/try-number") == str(try_number) else None


def preempt(airflow: Airflow, dag_id: str, task_id: str, *, try_number: int, profile: str) -> None:
    """Wait for the Pod of this try, check the profile of its Job, and evict it."""
    wait_until(
        lambda: profile_of(dag_id, try_number) and running_pod(dag_id),
        lambda: f"try {try_number} runs: {job_of(dag_id)}; logs: {airflow.logs(dag_id, task_id)}",
    )
    assert profile_of(dag_id, try_number) == profile
    pod = running_pod(dag_id)
    assert pod
    evict(pod)


def assert_succeeds(airflow: Airflow, dag_id: str, *, try_number: int, profile: str) -> None:
    task_id = "job"
    wait_until(
        lambda: airflow.has_ended(dag_id, task_id, "success", "failed"),
        lambda: f"{dag_id} ends: {airflow.state(dag_id, task_id)}; logs: {airflow.logs(dag_id, task_id)}",
    )
    assert airflow.state(dag_id, task_id)[0] == "success", airflow.logs(dag_id, task_id)
    assert profile_of(dag_id, try_number) == profile


def test_after_a_try_without_nodes_the_next_try_takes_the_fallback(airflow, runs):
    assert_succeeds(airflow, "falls_without_nodes", try_number=2, profile="small")
    assert "got no nodes within 5 s and is stopped" in airflow.log("falls_without_nodes", "job", 1)
    log = airflow.log("falls_without_nodes", "job", 2)
    assert "the last attempt got no nodes within 5 s with profile nowhere: using small" in log


def test_after_fallback_after_preemptions_the_next_try_takes_the_fallback(airflow, runs):
    dag_id = "falls_after_preemptions"
    preempt(airflow, dag_id, "job", try_number=1, profile="fragile")
    preempt(airflow, dag_id, "job", try_number=2, profile="fragile")
    assert_succeeds(airflow, dag_id, try_number=3, profile="small")
    assert "with which 1 attempt was lost to preemption: keeping the profile" in airflow.log(dag_id, "job", 2)
    assert "with which 2 attempts were lost to preemption: using small" in airflow.log(dag_id, "job", 3)


def test_a_task_that_is_oom_killed_and_then_preempted_grows_and_falls_back(airflow, runs):
    dag_id = "falls_and_grows"
    preempt(airflow, dag_id, "job", try_number=2, profile="large-spot")
    assert_succeeds(airflow, dag_id, try_number=3, profile="large")
    assert "was OOMKilled with profile small-spot: using large-spot" in airflow.log(dag_id, "job", 2)
    assert "large-spot, with which 1 attempt was lost to preemption: using large" in airflow.log(dag_id, "job", 3)


def test_a_retry_of_a_deferred_task_takes_the_fallback(airflow, runs):
    dag_id = "falls_deferred"
    preempt(airflow, dag_id, "job", try_number=1, profile="small-spot")
    assert_succeeds(airflow, dag_id, try_number=2, profile="small")
    assert "1 attempt was lost to preemption: using small" in airflow.logs(dag_id, "job")


def test_a_cleared_task_starts_with_its_own_profile(airflow, runs):
    dag_id = "falls_without_nodes"
    assert_succeeds(airflow, dag_id, try_number=2, profile="small")
    airflow.clear(dag_id, "job")
    wait_until(lambda: profile_of(dag_id, 3), lambda: f"try 3 has a Job; log: {airflow.log(dag_id, 'job', 3)}")
    assert profile_of(dag_id, 3) == "nowhere"
    expected = "the task was cleared: starting with profile nowhere, not small of the last attempt"
    assert expected in airflow.log(dag_id, "job", 3)
    assert_succeeds(airflow, dag_id, try_number=4, profile="small")

"""Deferred tasks in the triggerer of a real Airflow: results, logs, retries, and ends."""

from __future__ import annotations

import pytest

from e2e.jobs import end_job, job_of, uid_of
from e2e.runs import Airflow
from e2e.steps import wait_for_state, wait_until_deferred, wait_until_deleted, watches
from polling import wait_until

RUNS = (
    "waits",
    "waits_again",
    "waits_until_failed",
    "waits_until_success",
    "waits_until_cleared",
    "waits_until_run_ends",
    "waits_and_is_kept",
    "waits_too_long",
    "waits_longer_than_airflow",
    "waits_for_an_image",
    "waits_and_prints",
)
TO_END = ("waits_until_failed", "waits_until_success", "waits_until_cleared", "waits_and_is_kept")


@pytest.fixture(scope="module")
def runs(airflow: Airflow) -> None:
    for dag_id in RUNS:
        airflow.trigger(dag_id)


@pytest.fixture(scope="module")
def ended(airflow: Airflow, runs: None) -> dict[str, str]:
    """Mark or clear the deferred tasks; return the uid of the Job that each had before."""
    uids = {}
    for dag_id in TO_END:
        wait_until_deferred(airflow, dag_id)
        uids[dag_id] = uid_of(dag_id)
    airflow.mark("waits_until_failed", "job", "failed")
    airflow.mark("waits_and_is_kept", "job", "failed")
    airflow.mark("waits_until_success", "job", "success")
    airflow.clear("waits_until_cleared", "job")
    return uids


def test_all_deferred_tasks_share_one_watch(airflow, runs):
    for dag_id in TO_END:
        wait_until_deferred(airflow, dag_id)
    wait_until(lambda: watches(airflow.triggerer) == 1, lambda: f"there is one watch: {airflow.triggerer.log()}")


@pytest.mark.parametrize(("dag_id", "state"), [("waits_until_failed", "failed"), ("waits_until_success", "success")])
def test_a_marked_deferred_task_has_no_job_and_is_not_retried(airflow, ended, dag_id, state):
    wait_until_deleted(airflow, dag_id, ended[dag_id])
    assert airflow.state(dag_id, "job") == (state, 1)


def test_a_cleared_deferred_task_runs_again(airflow, ended):
    wait_for_state(airflow, "waits_until_cleared", "success")
    assert uid_of("waits_until_cleared") != ended["waits_until_cleared"]


def test_on_kill_action_keep_leaves_the_job_running(airflow, ended):
    wait_until_deleted(airflow, "waits_until_failed", ended["waits_until_failed"])  # which was marked before
    assert uid_of("waits_and_is_kept") == ended["waits_and_is_kept"]


def test_the_result_and_the_logs_are_complete_at_the_end(airflow, runs):
    wait_for_state(airflow, "waits", "success", "use")
    assert "used 42" in airflow.log("waits", "use")
    assert airflow.logs("waits", "job").count("| a line of the log") == 1


def test_d3_one_asset_event_and_one_callback_call(airflow, runs):
    wait_for_state(airflow, "waits", "success", "use")
    assert airflow.asset_events("waits") == 1
    assert (airflow.dags / "successes").read_text() == "success\n"


def test_logs_are_printed_while_the_job_runs_and_no_line_twice(airflow, runs):
    dag_id = "waits_and_prints"
    wait_until(lambda: "| line-10-" in airflow.logs(dag_id, "job"), lambda: f"logs: {airflow.logs(dag_id, 'job')}")
    end_job(dag_id)
    wait_for_state(airflow, dag_id, "success")
    log = airflow.logs(dag_id, "job")
    assert [log.count(f"| line-{number}-") for number in range(1, 21)] == [1] * 20


def test_a_retry_submits_a_failed_job_again(airflow, runs):
    wait_for_state(airflow, "waits_again", "success")
    assert "| try 1" in airflow.log("waits_again", "job", 1)
    assert "| try 2" in airflow.log("waits_again", "job", 2)


@pytest.mark.parametrize("dag_id", ["waits_too_long", "waits_longer_than_airflow"])
def test_a_task_that_times_out_fails_and_its_job_is_deleted(airflow, runs, dag_id):
    wait_for_state(airflow, dag_id, "failed")
    wait_until_deleted(airflow, dag_id)


def test_a_job_that_cannot_start_fails_the_task_without_a_retry_and_is_deleted(airflow, runs):
    wait_for_state(airflow, "waits_for_an_image", "failed")
    assert "no-such-image" in airflow.logs("waits_for_an_image", "job")
    assert airflow.state("waits_for_an_image", "job")[1] == 1
    assert job_of("waits_for_an_image") is None


def test_a_dag_run_that_times_out_ends_its_deferred_task_and_deletes_the_job(airflow, runs):
    wait_for_state(airflow, "waits_until_run_ends", "skipped")
    wait_until_deleted(airflow, "waits_until_run_ends")

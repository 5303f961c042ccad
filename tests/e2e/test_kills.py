"""The Job of a task that a real Airflow ends, with real signals.

All runs start together and are ended together, except those that a limit ends: they start after the others. Then each
test waits for the outcome of its run. `make test` does not include it.
"""

from __future__ import annotations

import os
import signal

import pytest

from e2e.jobs import uid_of
from e2e.processes import parent, run_job_of
from e2e.steps import SIGNALS_STOPS, stop_worker, wait_until_adopted, wait_until_deleted
from polling import wait_until

KILLS = {
    "marked_failed": lambda airflow, task: airflow.mark("marked_failed", "job", "failed"),
    "marked_success": lambda airflow, task: airflow.mark("marked_success", "job", "success"),
    "cleared": lambda airflow, task: airflow.clear("cleared", "job"),
    "worker_stopped": stop_worker,
    "worker_stopped_without_a_next_try": stop_worker,
    "worker_stopped_where_kills_delete": stop_worker,
    "supervisor_killed": lambda airflow, task: os.kill(parent(task), signal.SIGKILL),
    "task_killed": lambda airflow, task: os.kill(task, signal.SIGKILL),
    "kept": lambda airflow, task: airflow.mark("kept", "job", "failed"),
    # A limit ends these: they start last, so that their Jobs are seen before.
    "run_timed_out": None,
    "timed_out": None,
    "took_too_long": None,
}
ADOPTED = ("worker_stopped", "supervisor_killed", "task_killed")


@pytest.fixture(scope="module")
def uids(airflow) -> dict[str, str]:
    """Start all runs and end their tasks; return the uid of the Job that each run had before."""
    for dag_id, kill in KILLS.items():
        if kill:
            airflow.trigger(dag_id)
    uids = {}
    for dag_id, kill in KILLS.items():
        if not kill:
            airflow.trigger(dag_id)
        wait_until(
            lambda dag_id=dag_id: "is running on" in airflow.log(dag_id, "job"),
            lambda dag_id=dag_id: f"{dag_id} runs its Job: {airflow.log(dag_id, 'job')}",
        )
        uids[dag_id] = uid_of(dag_id)
        if kill:
            kill(airflow, parent(run_job_of(dag_id)))
    return uids


STATES = {
    "marked_failed": "failed",
    "marked_success": "success",
    "run_timed_out": "skipped",
    "took_too_long": "failed",
}


@pytest.mark.parametrize(("dag_id", "state"), STATES.items())
def test_a_task_in_a_final_state_has_no_job_and_is_not_retried(airflow, uids, dag_id, state):
    wait_until_deleted(airflow, dag_id, uids[dag_id])
    wait_until(lambda: run_job_of(dag_id) is None, lambda: "run-job ends")
    wait_until(lambda: airflow.state(dag_id, "job") == (state, 1), lambda: f"it is {airflow.state(dag_id, 'job')}")
    assert uid_of(dag_id) is None


@pytest.mark.parametrize("dag_id", ["cleared", "timed_out"])
def test_a_task_that_is_cleared_or_times_out_gets_a_new_job_in_the_next_try(airflow, uids, dag_id):
    wait_until_deleted(airflow, dag_id, uids[dag_id])
    wait_until(
        lambda: "created Job" in airflow.log(dag_id, "job", 2),
        lambda: f"the next try has a Job: {airflow.state(dag_id, 'job')}; log: {airflow.log(dag_id, 'job', 2)}",
    )


@pytest.mark.parametrize("dag_id", ADOPTED)
def test_the_next_try_adopts_the_job_of_a_worker_that_stopped_or_died(airflow, uids, dag_id):
    wait_until_adopted(airflow, dag_id, uids[dag_id])


def test_a_stopping_worker_deletes_the_job_if_there_is_no_next_try(airflow, uids):
    dag_id = "worker_stopped_without_a_next_try"
    if SIGNALS_STOPS:
        wait_until_deleted(airflow, dag_id, uids[dag_id])
    wait_until(lambda: airflow.state(dag_id, "job")[0] == "failed", lambda: "the task fails")
    assert (uid_of(dag_id) == uids[dag_id]) != SIGNALS_STOPS


def test_a_worker_that_is_stopped_deletes_the_job_where_that_is_asked_for(airflow, uids):
    dag_id = "worker_stopped_where_kills_delete"
    if SIGNALS_STOPS:
        wait_until_deleted(airflow, dag_id, uids[dag_id])
    else:
        wait_until_adopted(airflow, dag_id, uids[dag_id])


def test_no_log_shows_a_value_with_a_sensitive_name(airflow, uids):
    logs = [airflow.log(dag_id, "job") for dag_id in KILLS]
    assert all("with ***" in log for log in logs)
    assert not any("hunter2" in log for log in logs)


def test_orphan_cleanup_deletes_a_kept_job_but_no_job_that_a_task_waits_for(airflow, uids):
    wait_until(lambda: run_job_of("kept") is None, lambda: f"run-job ends; log: {airflow.log('kept', 'job')}")
    assert uid_of("kept") == uids["kept"]
    airflow.trigger("reaps")
    wait_until(lambda: airflow.state("reaps", "reap")[0] == "success", lambda: airflow.log("reaps", "reap"))
    assert uid_of("kept") is None
    assert {dag_id: uid_of(dag_id) for dag_id in ADOPTED} == {dag_id: uids[dag_id] for dag_id in ADOPTED}

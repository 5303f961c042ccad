"""What becomes of a Job when its task is ended, by a real Airflow and real signals.

All runs are started at once and ended at once; then each test waits for what must come of its own. Not a part of
`make test`.
"""

from __future__ import annotations

import os
import signal

import pytest

from e2e.jobs import uid_of
from e2e.processes import parent, run_job_of, wait_for
from e2e.steps import TELLS_OF_STOPS, stop_worker, wait_until_adopted, wait_until_gone

KILLS = {
    "marked_failed": lambda airflow, task: airflow.mark("marked_failed", "job", "failed"),
    "marked_success": lambda airflow, task: airflow.mark("marked_success", "job", "success"),
    "cleared": lambda airflow, task: airflow.clear("cleared", "job"),
    "timed_out": lambda airflow, task: None,
    "took_too_long": lambda airflow, task: None,
    "worker_stopped": stop_worker,
    "worker_stopped_without_a_next_try": stop_worker,
    "worker_stopped_where_kills_delete": stop_worker,
    "supervisor_killed": lambda airflow, task: os.kill(parent(task), signal.SIGKILL),
    "task_killed": lambda airflow, task: os.kill(task, signal.SIGKILL),
    "kept": lambda airflow, task: airflow.mark("kept", "job", "failed"),
    "run_timed_out": lambda airflow, task: None,
}
ADOPTED = ("worker_stopped", "supervisor_killed", "task_killed")


@pytest.fixture(scope="module")
def uids(airflow) -> dict[str, str]:
    """The uid of the Job that each run had when it was ended."""
    for dag_id in KILLS:
        airflow.trigger(dag_id)
    uids = {}
    for dag_id, kill in KILLS.items():
        wait_for(
            lambda dag_id=dag_id: "is running on" in airflow.log(dag_id, "job"),
            lambda dag_id=dag_id: f"{dag_id} runs its Job: {airflow.log(dag_id, 'job')}",
        )
        uids[dag_id] = uid_of(dag_id)
        kill(airflow, parent(run_job_of(dag_id)))
    return uids


STATES = {
    "marked_failed": "failed",
    "marked_success": "success",
    "run_timed_out": "skipped",
    "took_too_long": "failed",
}


@pytest.mark.parametrize(("dag_id", "state"), STATES.items())
def test_a_task_that_is_over_loses_its_job_and_is_not_tried_again(airflow, uids, dag_id, state):
    wait_until_gone(airflow, dag_id, uids[dag_id])
    wait_for(lambda: run_job_of(dag_id) is None, lambda: "run-job ends")
    wait_for(lambda: airflow.state(dag_id, "job") == (state, 1), lambda: f"it is {airflow.state(dag_id, 'job')}")
    assert uid_of(dag_id) is None


@pytest.mark.parametrize("dag_id", ["cleared", "timed_out"])
def test_a_task_that_is_cleared_or_takes_too_long_loses_its_job_and_the_next_try_has_a_new_one(airflow, uids, dag_id):
    wait_until_gone(airflow, dag_id, uids[dag_id])
    wait_for(
        lambda: "created Job" in airflow.log(dag_id, "job", 2),
        lambda: f"the next try has a Job: {airflow.state(dag_id, 'job')}; log: {airflow.log(dag_id, 'job', 2)}",
    )


@pytest.mark.parametrize("dag_id", ADOPTED)
def test_the_next_try_adopts_the_job_of_a_worker_that_was_stopped_or_died(airflow, uids, dag_id):
    wait_until_adopted(airflow, dag_id, uids[dag_id])


def test_a_worker_that_is_stopped_deletes_the_job_where_there_is_no_next_try(airflow, uids):
    dag_id = "worker_stopped_without_a_next_try"
    if TELLS_OF_STOPS:
        wait_until_gone(airflow, dag_id, uids[dag_id])
    wait_for(lambda: airflow.state(dag_id, "job")[0] == "failed", lambda: "the task fails")
    assert (uid_of(dag_id) == uids[dag_id]) != TELLS_OF_STOPS


def test_a_worker_that_is_stopped_deletes_the_job_where_that_is_asked_for(airflow, uids):
    dag_id = "worker_stopped_where_kills_delete"
    if TELLS_OF_STOPS:
        wait_until_gone(airflow, dag_id, uids[dag_id])
    else:
        wait_until_adopted(airflow, dag_id, uids[dag_id])


def test_no_log_shows_what_a_value_with_a_sensitive_name_holds(airflow, uids):
    logs = [airflow.log(dag_id, "job") for dag_id in KILLS]
    assert all("with ***" in log for log in logs)
    assert not any("hunter2" in log for log in logs)


def test_the_janitor_deletes_the_job_that_a_task_has_left_and_none_that_a_task_waits_for(airflow, uids):
    wait_for(lambda: run_job_of("kept") is None, lambda: f"run-job ends; log: {airflow.log('kept', 'job')}")
    assert uid_of("kept") == uids["kept"]
    airflow.trigger("reaps")
    wait_for(lambda: airflow.state("reaps", "reap")[0] == "success", lambda: airflow.log("reaps", "reap"))
    assert uid_of("kept") is None
    assert {dag_id: uid_of(dag_id) for dag_id in ADOPTED} == {dag_id: uids[dag_id] for dag_id in ADOPTED}

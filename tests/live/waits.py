"""Jobs that are waited for without a worker slot, by a real Airflow: result, logs, retries, and ends."""

from __future__ import annotations

import pytest

from live.processes import wait_for
from live.runs import job_of, uid_of

RUNS = ("waits", "waits_again", "waits_until_marked", "waits_too_long", "waits_for_an_image")


@pytest.fixture(scope="module")
def runs(airflow):
    for dag_id in RUNS:
        airflow.trigger(dag_id)


def wait_for_state(airflow, dag_id: str, task_id: str, state: str) -> None:
    wait_for(
        lambda: airflow.state(dag_id, task_id)[0] == state,
        lambda: f"{task_id} is {state}: it is {airflow.state(dag_id, task_id)}; log: {airflow.log(dag_id, task_id)}",
    )


def test_nothing_is_at_work_between_the_looks_and_a_mark_deletes_the_job(airflow, runs):
    wait_for_state(airflow, "waits_until_marked", "group.wait", "up_for_reschedule")
    wait_for(lambda: "not finished" in airflow.logs("waits_until_marked", "group.wait"), lambda: "there was a look")
    assert job_of("waits_until_marked")
    airflow.mark("waits_until_marked", "group.wait", "failed")
    wait_for_state(airflow, "waits_until_marked", "group.clean_up", "success")
    assert job_of("waits_until_marked") is None


def test_the_result_is_that_of_the_group_and_the_logs_come_at_the_end(airflow, runs):
    wait_for_state(airflow, "waits", "use", "success")
    assert "used 42" in airflow.log("waits", "use")
    assert "| a line of the log" in airflow.logs("waits", "group.wait")
    wait_for_state(airflow, "waits", "group.clean_up", "success")
    assert uid_of("waits")


def test_a_retry_submits_a_job_that_failed_anew(airflow, runs):
    wait_for_state(airflow, "waits_again", "group.collect", "success")
    assert "| try 1" in airflow.logs("waits_again", "group.wait")
    assert "| try 2" in airflow.logs("waits_again", "group.wait")
    assert airflow.state("waits_again", "group.submit") == ("success", 1)


def test_what_takes_too_long_fails_and_its_job_is_deleted(airflow, runs):
    wait_for_state(airflow, "waits_too_long", "group.wait", "failed")
    wait_for_state(airflow, "waits_too_long", "group.clean_up", "success")
    assert job_of("waits_too_long") is None


def test_what_cannot_be_started_fails_without_a_retry_and_its_job_is_deleted(airflow, runs):
    wait_for_state(airflow, "waits_for_an_image", "group.wait", "failed")
    wait_for_state(airflow, "waits_for_an_image", "group.clean_up", "success")
    assert "no-such-image" in airflow.logs("waits_for_an_image", "group.wait")
    assert airflow.state("waits_for_an_image", "group.wait")[1] == 1
    assert job_of("waits_for_an_image") is None

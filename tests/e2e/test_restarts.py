"""Jobs and their tasks continue when triggerers and schedulers are stopped or die, and with two triggerers.

A task in a worker, which must not notice the restarts, waits for one Job; a deferred task waits for the other one.
"""

from __future__ import annotations

import pytest

from e2e.jobs import end_job, job_of, running_pod, uid_of
from e2e.parts import Part
from e2e.processes import run_job_of
from e2e.runs import Airflow
from e2e.steps import wait_for_state, wait_until_deferred, watches
from polling import wait_until

WAITING, DEFERRED, ALONE = "stays_waiting", "stays_deferred", "stays_alone"


@pytest.fixture(scope="module")
def uids(airflow: Airflow) -> dict[str, str | None]:
    """Start the runs; return the uids of their running Jobs."""
    for dag_id in (WAITING, DEFERRED, ALONE):
        airflow.trigger(dag_id)
    wait_until(lambda: running_pod(WAITING) and run_job_of(WAITING), lambda: airflow.logs(WAITING, "job"))
    wait_until(lambda: running_pod(DEFERRED), lambda: airflow.logs(DEFERRED, "job"))
    wait_until_deferred(airflow, DEFERRED)
    wait_until_deferred(airflow, ALONE)
    return {dag_id: uid_of(dag_id) for dag_id in (WAITING, DEFERRED)}


@pytest.fixture(scope="module")
def second(airflow: Airflow, uids: dict[str, str | None]) -> Part:
    """A second triggerer."""
    return airflow.start_triggerer("second-triggerer")


def wait_until_taken_over(airflow: Airflow, before: int | None, by: Part) -> None:
    """Wait until the triggerer `by` has the deferred task, instead of the one with the id `before`."""
    wait_until(
        lambda: airflow.triggerer_of(DEFERRED, "job") not in (None, before),
        lambda: f"another triggerer takes over from {before}: {by.log()}",
    )
    wait_until(lambda: watches(by) == 1, lambda: f"it watches: {by.log()}")


def assert_untouched(airflow: Airflow, uids: dict[str, str | None]) -> None:
    """Check that both tasks are in their first try, and that their Jobs are the same."""
    assert {dag_id: uid_of(dag_id) for dag_id in uids} == uids
    assert airflow.state(DEFERRED, "job") == ("deferred", 1)
    assert airflow.state(WAITING, "job") == ("running", 1)


def test_a_new_triggerer_takes_over_from_a_killed_one_and_the_job_continues(airflow, uids):
    before, uid = airflow.triggerer_of(DEFERRED, "job"), uid_of(ALONE)
    airflow.triggerer.kill()
    airflow.mark(ALONE, "job", "failed")
    airflow.triggerer.start()
    wait_until_taken_over(airflow, before, airflow.triggerer)
    assert_untouched(airflow, uids)
    assert uid_of(ALONE) == uid


def test_orphan_cleanup_deletes_the_job_of_a_task_marked_while_no_triggerer_had_it(airflow, uids):
    dag_id = "reaps_after_a_triggerer"
    airflow.trigger(dag_id)
    wait_for_state(airflow, dag_id, "success", "reap")
    assert uid_of(ALONE) is None
    assert_untouched(airflow, uids)


def test_a_new_triggerer_takes_over_from_a_stopped_one_and_the_job_continues(airflow, uids):
    before = airflow.triggerer_of(DEFERRED, "job")
    airflow.triggerer.stop()
    wait_until(airflow.triggerer.has_ended, lambda: f"the triggerer ends: {airflow.triggerer.log()}")
    airflow.triggerer.kill()
    airflow.triggerer.start()
    wait_until_taken_over(airflow, before, airflow.triggerer)
    assert_untouched(airflow, uids)


def test_with_two_triggerers_the_other_one_takes_over(airflow, uids, second):
    before = airflow.triggerer_of(DEFERRED, "job")
    airflow.triggerer.kill()
    wait_until_taken_over(airflow, before, second)
    assert_untouched(airflow, uids)
    airflow.triggerer.start()


def test_a_triggerer_that_hung_releases_a_task_that_another_one_took_over(airflow, uids, second):
    before = airflow.triggerer_of(DEFERRED, "job")
    second.pause()
    wait_until_taken_over(airflow, before, airflow.triggerer)
    second.resume()
    wait_until(lambda: watches(second) == 0, lambda: f"it stops watching: {second.log()}")
    assert_untouched(airflow, uids)


def test_a_restarted_scheduler_keeps_the_tasks(airflow, uids):
    airflow.scheduler.stop()
    wait_until(airflow.scheduler.has_ended, lambda: f"the scheduler ends: {airflow.scheduler.log()}")
    airflow.scheduler.kill()
    airflow.scheduler.start()
    airflow.trigger("waits_for_the_scheduler")
    wait_for_state(airflow, "waits_for_the_scheduler", "success", "nothing")
    assert_untouched(airflow, uids)


def test_jobs_that_end_without_a_scheduler_and_with_two_triggerers_have_one_result(airflow, uids, second):
    airflow.scheduler.kill()
    assert_untouched(airflow, uids)
    for dag_id in uids:
        end_job(dag_id)
        wait_until(
            lambda dag_id=dag_id: job_of(dag_id)["status"].get("completionTime"),
            lambda dag_id=dag_id: f"the Job is complete: {job_of(dag_id)}",
        )
    airflow.scheduler.start()
    for dag_id, uid in uids.items():
        wait_for_state(airflow, dag_id, "success")
        assert airflow.state(dag_id, "job")[1] == 1
        assert uid_of(dag_id) == uid
        log = airflow.logs(dag_id, "job")
        assert log.count("| the first line") == log.count("| the last line") == 1, log
    second.kill()

"""Jobs go on, and their tasks too, when triggerers and schedulers are stopped or die, and with two triggerers at once.

One Job is waited for in a worker, which must not notice; the other one by a deferred task.
"""

from __future__ import annotations

import pytest

from e2e.jobs import end_job, job_of, running_pod, uid_of
from e2e.parts import Part
from e2e.processes import run_job_of, wait_for
from e2e.runs import Airflow
from e2e.steps import wait_for_state, wait_until_deferred, watches

WAITING, DEFERRED, ALONE = "stays_waiting", "stays_deferred", "stays_alone"


@pytest.fixture(scope="module")
def uids(airflow: Airflow) -> dict[str, str | None]:
    """The uids of the Jobs, which run."""
    for dag_id in (WAITING, DEFERRED, ALONE):
        airflow.trigger(dag_id)
    wait_for(lambda: running_pod(WAITING) and run_job_of(WAITING), lambda: airflow.logs(WAITING, "job"))
    wait_for(lambda: running_pod(DEFERRED), lambda: airflow.logs(DEFERRED, "job"))
    wait_until_deferred(airflow, DEFERRED)
    wait_until_deferred(airflow, ALONE)
    return {dag_id: uid_of(dag_id) for dag_id in (WAITING, DEFERRED)}


@pytest.fixture(scope="module")
def second(airflow: Airflow, uids: dict[str, str | None]) -> Part:
    """Another triggerer beside the first one."""
    return airflow.start_triggerer("second-triggerer")


def wait_until_taken_over(airflow: Airflow, before: int | None, by: Part) -> None:
    """Wait until another triggerer than the one with the id `before` waits for the deferred task."""
    wait_for(
        lambda: airflow.triggerer_of(DEFERRED, "job") not in (None, before),
        lambda: f"another triggerer takes over from {before}: {by.said()}",
    )
    wait_for(lambda: watches(by) == 1, lambda: f"it watches: {by.said()}")


def assert_untouched(airflow: Airflow, uids: dict[str, str | None]) -> None:
    """Both tasks are in their first try, and have the Jobs that they had."""
    assert {dag_id: uid_of(dag_id) for dag_id in uids} == uids
    assert airflow.state(DEFERRED, "job") == ("deferred", 1)
    assert airflow.state(WAITING, "job") == ("running", 1)


def test_another_triggerer_takes_over_from_one_that_was_killed_and_the_job_goes_on(airflow, uids):
    before, uid = airflow.triggerer_of(DEFERRED, "job"), uid_of(ALONE)
    airflow.triggerer.kill()
    airflow.mark(ALONE, "job", "failed")
    airflow.triggerer.start()
    wait_until_taken_over(airflow, before, airflow.triggerer)
    assert_untouched(airflow, uids)
    assert uid_of(ALONE) == uid


def test_the_janitor_deletes_the_job_of_a_task_that_was_marked_while_no_triggerer_had_it(airflow, uids):
    dag_id = "reaps_after_a_triggerer"
    airflow.trigger(dag_id)
    wait_for_state(airflow, dag_id, "success", "reap")
    assert uid_of(ALONE) is None
    assert_untouched(airflow, uids)


def test_another_triggerer_takes_over_from_one_that_was_stopped_and_the_job_goes_on(airflow, uids):
    before = airflow.triggerer_of(DEFERRED, "job")
    airflow.triggerer.stop()
    wait_for(airflow.triggerer.has_ended, lambda: f"the triggerer ends: {airflow.triggerer.said()}")
    airflow.triggerer.kill()
    airflow.triggerer.start()
    wait_until_taken_over(airflow, before, airflow.triggerer)
    assert_untouched(airflow, uids)


def test_of_two_triggerers_the_other_one_takes_over(airflow, uids, second):
    before = airflow.triggerer_of(DEFERRED, "job")
    airflow.triggerer.kill()
    wait_until_taken_over(airflow, before, second)
    assert_untouched(airflow, uids)
    airflow.triggerer.start()


def test_a_triggerer_that_has_hung_lets_go_of_what_another_one_has_taken_over(airflow, uids, second):
    before = airflow.triggerer_of(DEFERRED, "job")
    second.pause()
    wait_until_taken_over(airflow, before, airflow.triggerer)
    second.go_on()
    wait_for(lambda: watches(second) == 0, lambda: f"it waits no more: {second.said()}")
    assert_untouched(airflow, uids)


def test_a_scheduler_that_is_stopped_and_started_finds_the_tasks_as_they_are(airflow, uids):
    airflow.scheduler.stop()
    wait_for(airflow.scheduler.has_ended, lambda: f"the scheduler ends: {airflow.scheduler.said()}")
    airflow.scheduler.kill()
    airflow.scheduler.start()
    airflow.trigger("waits_for_the_scheduler")
    wait_for_state(airflow, "waits_for_the_scheduler", "success", "nothing")
    assert_untouched(airflow, uids)


def test_jobs_that_end_while_there_is_no_scheduler_and_two_triggerers_have_results_once(airflow, uids, second):
    airflow.scheduler.kill()
    assert_untouched(airflow, uids)
    for dag_id in uids:
        end_job(dag_id)
        wait_for(
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

"""What becomes of a Job when the Celery worker that serves it is stopped, by a real broker and real signals.

A worker of Composer is a container: its first process is told to stop, and what has not ended when the grace period is
over is killed, with all that it has started. Not a part of `make test`, as kills.py.
"""

from __future__ import annotations

import pytest

from live.jobs import uid_of
from live.kills import wait_until_adopted
from live.processes import run_job_of, wait_for

RUNS = ("worker_replaced", "worker_replaced_without_a_next_try")


@pytest.fixture(scope="module")
def uids(airflow) -> dict[str, str]:
    """The uid of the Job that each run had before the worker was replaced."""
    for dag_id in RUNS:
        airflow.trigger(dag_id)
    for dag_id in RUNS:
        wait_for(
            lambda dag_id=dag_id: "is running on" in airflow.log(dag_id, "job"),
            lambda dag_id=dag_id: f"{dag_id} runs its Job: {airflow.log(dag_id, 'job')}",
        )
    return {dag_id: uid_of(dag_id) for dag_id in RUNS}


@pytest.fixture(scope="module")
def another_worker(airflow, uids) -> None:
    """The worker is told to stop, is killed in the end, and another one takes its place."""
    worker = airflow.replaced_worker
    worker.stop()
    wait_for(lambda: "Warm shutdown" in worker.said(), worker.said)
    assert run_job_of("worker_replaced"), "Celery lets the tasks go on"
    worker.kill()
    worker.start()


def test_the_next_try_adopts_the_job_on_another_worker(airflow, uids, another_worker):
    wait_until_adopted(airflow, "worker_replaced", uids["worker_replaced"])


def test_where_there_is_no_next_try_the_janitor_deletes_the_job(airflow, uids, another_worker):
    dag_id = "worker_replaced_without_a_next_try"
    wait_for(lambda: airflow.state(dag_id, "job")[0] == "failed", lambda: "the task fails")
    assert uid_of(dag_id) == uids[dag_id]
    dag_id_of_janitor = "reaps_after_a_worker"
    airflow.trigger(dag_id_of_janitor)
    wait_for(
        lambda: airflow.state(dag_id_of_janitor, "reap")[0] == "success",
        lambda: airflow.log(dag_id_of_janitor, "reap"),
    )
    assert uid_of(dag_id) is None
    assert uid_of("worker_replaced") == uids["worker_replaced"]

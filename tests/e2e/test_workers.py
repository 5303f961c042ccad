"""The Job of a task whose worker is stopped or killed, with a real broker and real signals.

A Celery worker of Composer is a container: its first process gets SIGTERM; all processes that remain after the grace
period are killed. A deferred task occupies a worker while it submits its Job and while it checks the Job; held/kubectl
keeps it there. Not part of `make test`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from e2e.jobs import job_of, uid_of
from e2e.parts import Part
from e2e.processes import environment, parent, processes, read, run_job_of, scripts_of
from e2e.runs import Airflow
from e2e.steps import stop_worker, wait_until_adopted
from polling import wait_until

WAITING = ("worker_replaced", "worker_replaced_without_a_next_try", "worker_killed")
ADOPTED = [f"{how}_in_{held}" for how in ("stopped", "replaced", "killed") for held in ("submission", "check")]
MARKED = "marked_in_check"  # run-job-signals.bats has the case of a Job that is being created
HELD = [*ADOPTED, MARKED]


@pytest.fixture(scope="module")
def workers(airflow: Airflow) -> dict[str, Part]:
    """The workers of the queues `replaced` and `killed`."""
    return {queue: airflow.start_worker(f"{queue}-worker", queue=queue, slots=4) for queue in ("replaced", "killed")}


@pytest.fixture(scope="module")
def uids(airflow: Airflow, workers: dict[str, Part]) -> dict[str, str | None]:
    """Start all runs; return the uid of the Job that each has before its worker is stopped or killed."""
    shutil.copytree(Path(__file__).with_name("held"), airflow.home / "held")
    for dag_id in (*WAITING, *HELD):
        airflow.trigger(dag_id)
    for dag_id in WAITING:
        wait_until(
            lambda dag_id=dag_id: "is running on" in airflow.log(dag_id, "job"),
            lambda dag_id=dag_id: f"{dag_id} runs its Job: {airflow.log(dag_id, 'job')}",
        )
    for dag_id in HELD:
        wait_until(
            lambda dag_id=dag_id: is_held(dag_id),
            lambda dag_id=dag_id: f"{dag_id} is held: {airflow.log(dag_id, 'job')}",
        )
    return {dag_id: uid_of(dag_id) for dag_id in (*WAITING, *HELD)}


@pytest.fixture(scope="module")
def ended(airflow: Airflow, workers: dict[str, Part], uids: dict[str, str | None]) -> None:
    """Stop or kill workers and supervisors of tasks, start workers again, and mark a task."""
    workers["killed"].kill()
    workers["killed"].start()
    for dag_id in ("stopped_in_submission", "stopped_in_check"):
        stop_worker(airflow, parent(scripts_of(dag_id)[0]))
    airflow.mark(MARKED, "job", "failed")
    worker = workers["replaced"]
    worker.stop()
    wait_until(lambda: "Warm shutdown" in worker.log(), worker.log)
    assert run_job_of("worker_replaced"), "a warm shutdown of Celery lets the tasks continue"
    assert is_held("replaced_in_submission")
    assert is_held("replaced_in_check")
    worker.kill()
    worker.start()


def is_held(dag_id: str) -> bool:
    """Return whether held/kubectl holds the task of a DAG."""
    mark = f"AIRFLOW_CTX_DAG_ID={dag_id}".encode()
    return any(read(pid, "cmdline") == b"sleep\x00600\x00" and mark in environment(pid) for pid in processes())


@pytest.mark.parametrize("dag_id", ["worker_replaced", "worker_killed"])
def test_the_next_try_adopts_the_job_on_another_worker(airflow, uids, ended, dag_id):
    wait_until_adopted(airflow, dag_id, uids[dag_id])


@pytest.mark.parametrize("dag_id", ADOPTED)
def test_the_next_try_of_a_deferred_task_returns_the_result_of_the_same_job(airflow, uids, ended, dag_id):
    wait_until(
        lambda: airflow.has_ended(dag_id, "job", "success", "failed"),
        lambda: f"{dag_id} ends: {airflow.state(dag_id, 'job')}; logs: {airflow.logs(dag_id, 'job')}",
    )
    assert airflow.state(dag_id, "job") == ("success", 2), airflow.logs(dag_id, "job")
    assert uid_of(dag_id) == uids[dag_id]
    assert airflow.log(dag_id, "job", 2).count("| a line of the log") == 1


def test_a_deferred_task_marked_while_it_occupies_a_worker_has_no_job(airflow, uids, ended):
    dag_id = MARKED
    wait_until(lambda: job_of(dag_id) is None, lambda: f"the Job is deleted; log: {airflow.logs(dag_id, 'job')}")
    assert uids[dag_id]
    assert airflow.state(dag_id, "job") == ("failed", 1)


def test_without_a_next_try_orphan_cleanup_deletes_the_job(airflow, uids, ended):
    dag_id = "worker_replaced_without_a_next_try"
    wait_until(lambda: airflow.state(dag_id, "job")[0] == "failed", lambda: "the task fails")
    assert uid_of(dag_id) == uids[dag_id]
    dag_id_of_cleanup = "reaps_after_a_worker"
    airflow.trigger(dag_id_of_cleanup)
    wait_until(
        lambda: airflow.state(dag_id_of_cleanup, "reap")[0] == "success",
        lambda: airflow.log(dag_id_of_cleanup, "reap"),
    )
    assert uid_of(dag_id) is None
    adopted = ("worker_replaced", "worker_killed")
    assert {dag_id: uid_of(dag_id) for dag_id in adopted} == {dag_id: uids[dag_id] for dag_id in adopted}

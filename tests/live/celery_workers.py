"""What becomes of a Job when the Celery worker that serves it is stopped, by a real broker and real signals.

A worker of Composer is a container: its first process is told to stop, and what has not ended when the grace period is
over is killed, with all that it has started. Needs redis-server in PATH. Not a part of `make test`, as kills.py.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from live.kills import wait_until_adopted, wait_until_gone
from live.runs import Airflow, descendants, free_port, run_job_of, running_airflow, uid_of, wait_for

RUNS = ("marked_failed", "worker_stopped", "worker_stopped_without_a_next_try")


class CeleryAirflow(Airflow):
    """An Airflow whose tasks a Celery worker runs, with Redis between them."""

    def __init__(self, home: Path, *, parallelism: int) -> None:
        super().__init__(home, parallelism=parallelism)
        self.port = free_port()
        redis = f"redis://127.0.0.1:{self.port}"
        os.environ |= {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": f"{redis}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"{redis}/1",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(parallelism),
        }

    def start(self) -> None:
        """Start all parts; returns when tasks can be run."""
        arguments = ("--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self.home))
        self.process("redis-server", *arguments, log="redis")
        wait_for(lambda: "Ready to accept connections" in self.said("redis"), lambda: self.said("redis"))
        super().start()
        self.worker = self.start_worker()

    def start_worker(self) -> int:
        """Start a worker; returns the id of its process."""
        return self.part("celery", "worker", "--skip-serve-logs")

    def said(self, part: str) -> str:
        """What a part of Airflow has logged."""
        return (self.home / f"{part}.log").read_text()


@pytest.fixture(scope="module")
def airflow():
    with running_airflow("killed.py", parallelism=4, kind=CeleryAirflow) as airflow:
        yield airflow


@pytest.fixture(scope="module")
def uids(airflow) -> dict[str, str]:
    """The uid of the Job that each run had before the worker was replaced."""
    for dag_id in RUNS:
        airflow.trigger(dag_id)
    for dag_id in RUNS:
        wait_for(
            lambda dag_id=dag_id: "is running on" in airflow.log(dag_id, "job"),
            lambda dag_id=dag_id: f"{dag_id} runs its Job: {airflow.log(dag_id, 'job')} {airflow.said('celery')}",
        )
    return {dag_id: uid_of(dag_id) for dag_id in RUNS}


@pytest.fixture(scope="module")
def another_worker(airflow, uids) -> None:
    """The worker is told to stop, is killed in the end, and another one takes its place."""
    os.kill(airflow.worker, signal.SIGTERM)
    wait_for(lambda: "Warm shutdown" in airflow.said("celery"), lambda: airflow.said("celery"))
    assert run_job_of("worker_stopped"), "Celery lets the tasks go on"
    for pid in (airflow.worker, *descendants(airflow.worker)):
        with contextlib.suppress(ProcessLookupError):  # a kubectl that has answered
            os.kill(pid, signal.SIGKILL)
    airflow.worker = airflow.start_worker()


def test_a_task_that_somebody_marks_loses_its_job(airflow, uids):
    airflow.mark("marked_failed", "job", "failed")
    wait_until_gone(airflow, "marked_failed", uids["marked_failed"])
    wait_for(lambda: run_job_of("marked_failed") is None, lambda: "run-job ends")


def test_the_next_try_adopts_the_job_on_another_worker(airflow, uids, another_worker):
    wait_until_adopted(airflow, "worker_stopped", uids["worker_stopped"])


def test_where_there_is_no_next_try_the_janitor_deletes_the_job(airflow, uids, another_worker):
    dag_id = "worker_stopped_without_a_next_try"
    wait_for(lambda: airflow.state(dag_id, "job")[0] == "failed", lambda: "the task fails")
    assert uid_of(dag_id) == uids[dag_id]
    airflow.trigger("reaps")
    wait_for(lambda: airflow.state("reaps", "reap")[0] == "success", lambda: airflow.log("reaps", "reap"))
    assert uid_of(dag_id) is None
    assert uid_of("worker_stopped") == uids["worker_stopped"]

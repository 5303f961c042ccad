"""Deferred tasks and their Jobs in a real triggerer of Airflow."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from deferred_jobs import kubectl, scripts_named, suspended_jobs

from gke_job.trigger import GkeJobTrigger
from polling import wait_until

REPOSITORY = Path(__file__).resolve().parents[3]


def deferred_tasks(register, dag_id: str, triggers: dict[str, GkeJobTrigger]) -> None:
    """Adds a DAG run to Airflow's database whose tasks are deferred to these triggers, by task ID."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.utils import timezone
    from airflow.utils.session import create_session

    try:
        from airflow.models.dag_version import DagVersion
        from airflow.providers.standard.operators.empty import EmptyOperator
        from airflow.sdk import DAG
    except ImportError:  # Airflow 2.11
        from airflow import DAG
        from airflow.operators.empty import EmptyOperator

        DagVersion = None  # noqa: N806
    with DAG(dag_id, schedule=None) as dag:
        for task_id in triggers:
            EmptyOperator(task_id=task_id)
    register(dag)
    now = timezone.utcnow()
    with create_session() as session:
        of_run = {"dag_id": dag_id, "run_id": "r", "run_type": "manual", "state": "running", "start_date": now}
        if DagVersion:
            from airflow.utils.types import DagRunTriggeredByType

            by_test = DagRunTriggeredByType.TEST
            run = DagRun(**of_run, logical_date=now, run_after=now, data_interval=(now, now), triggered_by=by_test)
            version = DagVersion.get_latest_version(dag_id, session=session)
            tasks, of_task = version.serialized_dag.dag, {"dag_version_id": version.id}
        else:
            run, tasks, of_task = DagRun(**of_run, execution_date=now, data_interval=(now, now)), dag, {}
        session.add(run)
        session.flush()
        for task_id, one in triggers.items():
            row = Trigger.from_object(one)
            session.add(row)
            session.flush()
            ti = TaskInstance(tasks.get_task(task_id), run_id="r", state="deferred", **of_task)
            ti.trigger_id = row.id
            session.add(ti)


class Tasks:
    """The task instances of a DAG in Airflow's database."""

    def __init__(self, dag_id: str) -> None:
        self._dag_id = dag_id

    def state(self, task_id: str) -> str | None:
        return self._found(task_id, lambda ti: ti.state)

    def triggerer(self, task_id: str) -> int | None:
        return self._found(task_id, lambda ti: ti.trigger and ti.trigger.triggerer_id)

    def mark(self, task_id: str, state: str | None) -> None:
        """Mark a task as a person does; Airflow then releases the trigger."""

        def mark(ti):
            ti.state, ti.trigger_id = state, None

        self._found(task_id, mark)

    def _found(self, task_id, use):
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        with create_session() as session:
            return use(session.query(TaskInstance).filter_by(dag_id=self._dag_id, task_id=task_id).one())


def jobs(namespace: str) -> set[str]:
    """The names of the Jobs that are not being deleted."""
    output = ["--output", "jsonpath={range .items[*]}{.metadata.name}={.metadata.deletionTimestamp} {end}"]
    found = kubectl("get", "jobs", "--namespace", namespace, *output).split()
    return {name for name, _, deleted in (one.partition("=") for one in found) if not deleted}


@pytest.fixture
def start_triggerer(on_stand_in, tmp_path):
    started = []
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    shutil.copy(REPOSITORY / "dags/gke_job/triggerer_path.py", plugins)
    folders = {"DAGS_FOLDER": str(REPOSITORY / "dags"), "PLUGINS_FOLDER": str(plugins)}

    def start_triggerer():
        airflow = Path(sys.executable).with_name("airflow")
        log = (tmp_path / f"triggerer-{len(started)}.log").open("wb")
        environment = {**os.environ, **{f"AIRFLOW__CORE__{name}": folder for name, folder in folders.items()}}
        argv = [airflow, "triggerer", "--skip-serve-logs"]
        started.append(subprocess.Popen(argv, env=environment, stdout=log, stderr=log, start_new_session=True))
        return started[-1]

    yield start_triggerer
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    logs_of_tasks = Path(os.environ["AIRFLOW_HOME"], "logs").rglob("*.trigger.*")
    for file in [*tmp_path.glob("triggerer-*.log"), *logs_of_tasks]:
        print(file.name, file.read_text(errors="replace")[-10_000:])


def test_airflows_triggerer_deletes_the_jobs_of_tasks_that_a_person_has_ended(register, dag_id, start_triggerer, mark):
    marks = {"failed": "failed", "success": "success", "cleared": None, "resumed": "running", "stays": "deferred"}
    uids = dict(zip(marks, suspended_jobs("cancelled", len(marks)), strict=True))
    names = {task: f"job-{index}" for index, task in enumerate(marks)}
    triggers = {
        task: GkeJobTrigger(
            cluster={}, namespace="cancelled", job=names[task], uid=uids[task], airflow_environment="test"
        )
        for task in marks
    }
    tasks = Tasks(dag_id)
    deferred_tasks(register, dag_id, triggers)
    first = start_triggerer()
    wait_until(lambda: all(tasks.triggerer(task) for task in marks))
    wait_until(lambda: scripts_named("watch-jobs", mark))
    for task, state in marks.items():
        if state != "deferred":
            tasks.mark(task, state)
    wait_until(lambda: jobs("cancelled") == {names["resumed"], names["stays"]})

    first.terminate()
    first.wait()
    assert jobs("cancelled") == {names["resumed"], names["stays"]}
    assert tasks.state("stays") == "deferred"

    start_triggerer()
    wait_until(lambda: tasks.triggerer("stays"))
    kubectl("delete", "job", names["stays"], "--wait=false", "--namespace", "cancelled")
    wait_until(lambda: tasks.state("stays") == "scheduled")

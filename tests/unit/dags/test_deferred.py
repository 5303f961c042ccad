"""A task that waits in the triggerer, with the real scripts on the stand-in; `dag.test()` runs its triggers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gke_job import GkeJobOperator
from gke_job.compat import AIRFLOW_2, AirflowException, AirflowFailException, AirflowSkipException, AirflowTaskTimeout

try:
    from airflow.sdk import TaskGroup
    from airflow.sdk.execution_time.xcom import XCom
except ImportError:  # Airflow 2.11
    from airflow.models.xcom import XCom
    from airflow.utils.task_group import TaskGroup


class Job(GkeJobOperator):
    """Keeps the exception of the task, and creates a file with the number of each deferral as its name."""

    ended: BaseException | None = None
    deferrals: Path

    def _defer(self, wait):
        (self.deferrals / str(1 + len([*self.deferrals.iterdir()]))).touch()
        super()._defer(wait)

    def resume(self, *args, **kwargs):
        try:
            return super().resume(*args, **kwargs)
        except (AirflowException, AirflowTaskTimeout) as error:
            type(self).ended = error
            raise


@pytest.fixture
def stored(monkeypatch) -> dict:
    """The XComs that are stored."""
    xcoms, store = {}, XCom.set

    def note(*args, **kwargs):
        xcoms[kwargs.get("key") or args[0]] = kwargs.get("value") or args[1]
        return store(*args, **kwargs)

    monkeypatch.setattr(XCom, "set", note)
    return xcoms


@pytest.fixture
def deferrals() -> Iterator[Path]:
    """The directory of the files of the deferrals, outside of /tmp: a container of the stand-in has its own /tmp."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def ended(run, build) -> str:
    """The state of a run; `dag.test()` of Airflow 2.11 raises the exception of the task instead."""
    try:
        return run(build)
    except AirflowTaskTimeout:
        return "failed"


@pytest.fixture
def deferred(run, on_cluster, cluster, capfd, caplog, deferrals):
    """Runs a deferred task whose Job runs a shell command once the task is deferred; returns state and log."""

    def deferred(shell_command: str, **arguments) -> tuple[str, str]:
        Job.ended, Job.deferrals = None, deferrals
        command = f"until [ -e {deferrals}/1 ]; do sleep 0.1; done; {shell_command}"
        task = {**on_cluster(command), **cluster.by_gcloud(), "deferrable": True, **arguments}
        state = ended(run, lambda: Job(**task))
        assert Path(deferrals, "1").exists(), "the task was deferred"
        return state, caplog.text if AIRFLOW_2 else capfd.readouterr().out

    return deferred


def test_the_result_the_job_and_the_logs_are_those_of_a_task_that_waits(deferred, stored, cluster, dag_id):
    state, log = deferred("echo hello; echo '{\"loss\": 1}' >/dev/termination-log")
    assert state == "success"
    (job,) = cluster.jobs_of(dag_id)
    assert stored["job"]["uid"] == job["metadata"]["uid"]
    assert stored["return_value"] == {"loss": 1}
    assert stored["loss"] == 1
    assert stored["timing"]["pods"] == 1
    assert stored["timing"]["seconds"] == sum(stored["timing"]["phases"].values())
    assert log.count("| hello") == 1
    assert job["metadata"]["annotations"]["gke-job/collected"]


def test_a_failed_job_fails_the_task_with_its_reason(deferred):
    assert deferred("echo goodbye; exit 3")[0] == "failed"
    assert type(Job.ended) is AirflowException
    assert "BackoffLimitExceeded" in str(Job.ended) or "backoff limit" in str(Job.ended)


def test_an_exit_code_may_skip_the_task(deferred):
    assert deferred("exit 42", skip_on_exit_code=42)[0] == "success"
    assert type(Job.ended) is AirflowSkipException


def test_a_missing_result_fails_the_task(deferred):
    assert deferred("true", result_required=True)[0] == "failed"
    assert type(Job.ended) is AirflowFailException


def test_a_pod_that_cannot_start_ends_the_wait_and_the_job(deferred, cluster, dag_id, on_cluster):
    values = {**on_cluster("true")["values"], "secret_env": {"A": {"name": "missing", "key": "k"}}}
    assert deferred("true", values=values, start_timeout=2)[0] == "failed"
    assert type(Job.ended) is AirflowFailException
    assert "will never start" in str(Job.ended)
    assert "missing" in str(Job.ended)
    assert cluster.jobs_of(dag_id) == []


@pytest.mark.parametrize(
    ("limit", "kind"),
    [({"timeout": 25}, AirflowException), ({"execution_timeout": timedelta(seconds=25)}, AirflowTaskTimeout)],
    ids=["timeout", "execution_timeout"],
)
def test_a_job_whose_timeout_has_expired_is_deleted_and_its_logs_are_printed(deferred, cluster, dag_id, limit, kind):
    state, log = deferred("echo hello; trap exit TERM; sleep 600 & wait", **limit)
    assert state == "failed"
    assert type(Job.ended) is kind
    assert log.count("| hello") == 1
    assert cluster.jobs_of(dag_id) == []


def test_a_job_without_nodes_ends_after_schedule_timeout(deferred, cluster, dag_id, on_cluster):
    values = {**on_cluster("true")["values"], "node_selector": {"kind": "none"}}
    assert deferred("true", values=values, schedule_timeout=2)[0] == "failed"
    assert "--schedule-timeout" in str(Job.ended)
    assert cluster.jobs_of(dag_id) == []


def test_logs_are_printed_every_logging_interval_and_no_line_twice(deferred, deferrals):
    command = f"echo first; until [ -e {deferrals}/3 ]; do sleep 0.1; done; echo second"
    state, log = deferred(command, logging_interval=1, timeout=120)
    assert state == "success"
    assert log.count("| first") == log.count("| second") == 1
    assert log.index("| first") < log.index("| second")


def test_a_timeout_between_submission_and_deferral_deletes_the_job(run, on_cluster, cluster, dag_id):
    class TooLate(GkeJobOperator):
        def _defer(self, wait):
            raise AirflowTaskTimeout("execution_timeout has expired")

    task = {**on_cluster("trap exit TERM; sleep 600 & wait"), **cluster.by_gcloud(), "deferrable": True}
    assert ended(run, lambda: TooLate(**task, execution_timeout=timedelta(hours=1))) == "failed"
    assert cluster.jobs_of(dag_id) == []


def test_mapped_tasks_of_a_group_are_deferred_between_setup_and_teardown(run, on_cluster, cluster, dag_id):
    given = {**on_cluster(""), **cluster.by_gcloud(), "deferrable": True}
    del given["task_id"]
    values = {**given.pop("values"), "command": ["sh", "-c", "sleep 2; echo $INDEX >/dev/termination-log"]}
    order: list[str] = []

    def build() -> None:
        def note(context) -> None:
            order.append(context["ti"].task_id)

        with TaskGroup("group"):
            make = GkeJobOperator(task_id="make", values=values, on_success_callback=note, **given).as_setup()
            work = GkeJobOperator.partial(task_id="work", values=values, on_success_callback=note, **given)
            mapped = work.expand(map_values=[{"env": {"INDEX": "1"}}, {"env": {"INDEX": "2"}}])
            remove = GkeJobOperator(task_id="remove", values=values, on_success_callback=note, **given)
            make >> mapped >> remove.as_teardown(setups=make)

    assert run(build) == "success"
    assert order == ["group.make", "group.work", "group.work", "group.remove"]
    jobs = [job["metadata"]["annotations"] for job in cluster.jobs_of(dag_id)]
    assert sorted(job["gke-job/map-index"] for job in jobs) == ["-1", "-1", "0", "1"]
    assert all(job["gke-job/collected"] for job in jobs)

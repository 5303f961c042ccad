"""The sensor, with the real scripts on the stand-in."""

from __future__ import annotations

import pytest

from gke_job import GkeJobOperator, GkeJobSensor
from gke_job.compat import AirflowFailException

try:
    from airflow.sdk.execution_time.xcom import XCom
except ImportError:  # Airflow 2.11
    from airflow.models.xcom import XCom


@pytest.fixture
def returned(monkeypatch) -> list:
    """The return values of the tasks."""
    values, store = [], XCom.set

    def note(*args, **kwargs):
        if (kwargs.get("key") or args[0]) == "return_value":
            values.append(kwargs.get("value") or args[1])
        return store(*args, **kwargs)

    monkeypatch.setattr(XCom, "set", note)
    return values


@pytest.fixture
def waits_for(run, on_cluster, cluster):
    """Submits a Job that runs a shell command, and waits for it with a sensor; returns the state of the run."""

    def waits_for(shell_command: str, **arguments) -> str:
        def build() -> None:
            job = {**on_cluster(shell_command), **cluster.by_gcloud(), "task_id": "submit"}
            submit = GkeJobOperator(wait_for_completion=False, **job)
            GkeJobSensor(task_id="wait", job=submit.output, poke_interval=0.5, **arguments)

        return run(build)

    return waits_for


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_sensor_returns_the_result_and_does_not_mark_the_job(waits_for, returned, cluster, dag_id, deferrable):
    assert waits_for("sleep 1; echo 42 >/dev/termination-log", deferrable=deferrable) == "success"
    assert returned[-1] == 42
    (job,) = cluster.jobs_of(dag_id)
    assert "gke-job/collected" not in job["metadata"]["annotations"]


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(("skipped", "state"), [(None, "failed"), (3, "success")])
def test_a_failed_job_fails_or_skips_the_sensor(waits_for, deferrable, skipped, state):
    assert waits_for("exit 3", deferrable=deferrable, skip_on_exit_code=skipped) == state


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_job_continues_after_the_timeout_of_the_sensor(waits_for, cluster, dag_id, deferrable):
    assert waits_for("sleep 600", deferrable=deferrable, timeout=2) == "failed"
    (job,) = cluster.jobs_of(dag_id)
    assert job["status"]["active"] == 1
    assert "deletionTimestamp" not in job["metadata"]


@pytest.mark.parametrize(
    ("job", "missing"),
    [(None, "name, namespace, uid, cluster"), ({"name": "train", "namespace": "ml"}, "uid, cluster")],
)
def test_an_incomplete_job_is_refused(job, missing):
    with pytest.raises(AirflowFailException, match=f"no {missing}: give the XCom `job` of a GkeJobOperator"):
        GkeJobSensor(task_id="wait", job=job).poke({})


def test_an_invalid_cluster_is_refused_without_a_retry():
    job = {"name": "train", "namespace": "ml", "uid": "u", "cluster": {"project": "p"}}
    with pytest.raises(AirflowFailException, match="location and name is empty"):
        GkeJobSensor(task_id="wait", job=job).poke({})

"""The XCom `job`, and tasks that do not wait for their Job."""

from __future__ import annotations

import json
import os

import pytest

from gke_job import GkeCluster, GkeJobOperator
from gke_job.compat import AirflowException

try:
    from airflow.sdk import task
    from airflow.sdk.execution_time.xcom import XCom
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.xcom import XCom

CONTEXT_OF = {"project": "", "location": "", "name": "", "context": "c"}
JOB = {"name": "train", "namespace": "ml", "uid": "u", "cluster": CONTEXT_OF}
CLUSTER = GkeCluster(context="c")


@pytest.fixture
def stored(monkeypatch) -> dict:
    """The stored XComs; the key `fails` raises an error."""
    xcoms, store = {}, XCom.set

    def note(*args, **kwargs):
        key, value = kwargs.get("key") or args[0], kwargs.get("value") or args[1]
        if "fails" in xcoms and key == "job":
            raise RuntimeError("the XCom backend does not answer")
        xcoms[key] = value
        return store(*args, **kwargs)

    monkeypatch.setattr(XCom, "set", note)
    return xcoms


def test_the_job_is_an_xcom_while_it_runs(run, run_job, stored, tmp_path):
    os.mkfifo(tmp_path / "go-on")
    script = tmp_path / "scripts" / "run-job"
    script.unlink()
    script.write_text(f"""
        echo train ml u >"$GKE_JOB_CALLER_DIR/job"
        echo follow-job: Job train is active >&2; read -r <"{tmp_path}/go-on"
        echo "$REPLY"
    """)
    store = XCom.set

    def note(*args, **kwargs):
        if (kwargs.get("key") or args[0]) == "job":
            (tmp_path / "go-on").write_text("5\n")  # blocks until the running script reads it
        return store(*args, **kwargs)

    XCom.set = note  # restored by the fixture
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job", cluster=CLUSTER)) == "success"
    assert stored["job"] == JOB
    assert stored["return_value"] == 5


def test_a_result_with_the_key_job_does_not_replace_the_xcom_job(run, run_job, stored):
    run_job.behaves(output='{"job": 1, "_link_JobLink": "https://x", "loss": 2}', report={"job": "train ml u"})
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job", cluster=CLUSTER)) == "success"
    assert stored["job"] == JOB
    assert stored["loss"] == 2
    assert stored.get("_link_JobLink", "") == ""


def test_an_xcom_backend_that_fails_does_not_end_the_job(run, run_job, stored, caplog, capfd):
    stored["fails"] = True
    run_job.behaves(output="5", report={"job": "train ml u"})
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job", cluster=CLUSTER)) == "success"
    assert "cannot store the XCom job: RuntimeError" in caplog.text + capfd.readouterr().out


def test_without_do_xcom_push_the_job_is_not_stored(run, run_job, stored):
    run_job.behaves(output="5", report={"job": "train ml u"})
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job", do_xcom_push=False)) == "success"
    assert stored == {}


def submits(tmp_path, status: int) -> None:
    (tmp_path / "scripts" / "submit-job").write_text(f"""
        echo "$*" >"{tmp_path}/called"; echo submit-job: created Job train >&2
        [ {status} = 0 ] || exit {status}; echo train ml u
    """)


def test_without_waiting_the_task_ends_when_the_job_is_submitted_and_returns_it(run, run_job, stored, tmp_path):
    submits(tmp_path, 0)

    def build() -> None:
        @task
        def use(job: dict) -> None:
            (tmp_path / "received").write_text(json.dumps(job))

        job = GkeJobOperator(
            task_id="t",
            template="batch-job",
            cluster=CLUSTER,
            wait_for_completion=False,
            on_change="attach",
            schedule_timeout=60,
            heartbeat=5,
            logs="none",
        )
        use(job.output)

    assert run(build) == "success"
    assert json.loads((tmp_path / "received").read_text()) == JOB
    assert stored["job"] == JOB
    assert "name" not in stored
    called = (tmp_path / "called").read_text()
    assert "--on-change attach" in called
    assert "--schedule-timeout 60" in called
    assert not any(option in called for option in ("--heartbeat", "--logs", "--mark", "--on-kill"))


def test_a_job_that_cannot_be_submitted_fails_the_task_that_does_not_wait(run_job, tmp_path):
    class Instance:
        map_index = -1
        try_number = 1
        max_tries = 0
        job_id = None

    submits(tmp_path, 69)
    job = GkeJobOperator(task_id="t", template="batch-job", wait_for_completion=False)
    with pytest.raises(AirflowException, match="exit code 69"):
        job.execute({"ti": Instance()})


def test_the_real_scripts_submit_a_job_that_continues(run, on_cluster, cluster, dag_id, stored):
    assert run(lambda: GkeJobOperator(wait_for_completion=False, **on_cluster("sleep 60"))) == "success"
    (job,) = cluster.jobs_of(dag_id)
    assert job["metadata"]["annotations"]["gke-job/detached"] == "true"
    assert not any(condition["type"] in ("Complete", "Failed") for condition in job["status"].get("conditions", []))
    assert stored["return_value"] == {
        "name": job["metadata"]["name"],
        "namespace": "default",
        "uid": job["metadata"]["uid"],
        "cluster": {**CONTEXT_OF, "context": ""},
    }

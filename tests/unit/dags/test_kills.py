"""Whether a next try needs the Job of a killed task; tests/e2e kills real tasks."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from gke_job import GkeJobOperator, kills
from gke_job.compat import AirflowException
from gke_job.run_directory import RunDirectory


def task_instance(*, tries_left: bool = True) -> SimpleNamespace:
    names = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1}
    return SimpleNamespace(try_number=1, max_tries=1 if tries_left else 0, **names)


@pytest.mark.parametrize(
    ("state", "awaited"),
    [("running", True), ("up_for_retry", True), ("queued", True)]
    + [(state, False) for state in ("failed", "success", "skipped", "restarting", None)],
)
def test_a_task_that_was_marked_or_cleared_does_not_need_its_job(monkeypatch, state, awaited):
    monkeypatch.setattr(kills, "task_states", lambda *_: {"t": state})
    assert kills.next_try_needs_job(task_instance(), logging) == awaited


def test_a_removed_task_instance_does_not_need_its_job(monkeypatch):
    monkeypatch.setattr(kills, "task_states", lambda *_: {})
    assert not kills.next_try_needs_job(task_instance(), logging)


def test_without_a_next_try_the_job_is_not_needed(monkeypatch):
    monkeypatch.setattr(kills, "task_states", lambda *_: {"t": "running"})
    assert not kills.next_try_needs_job(task_instance(tries_left=False), logging)


def test_if_airflow_does_not_answer_the_next_try_needs_the_job(monkeypatch, caplog):
    monkeypatch.setattr(kills, "ANSWER_SECONDS", 0.05)
    answer = threading.Event()
    monkeypatch.setattr(kills, "task_states", lambda *_: answer.wait() and {})
    assert kills.next_try_needs_job(task_instance(), logging)
    assert caplog.messages == ["Airflow did not return the state of the task within 0.05 s: the Job continues"]
    answer.set()


def test_a_kill_before_or_after_the_script_runs_is_not_an_error():
    GkeJobOperator(task_id="t", template="batch-job").on_kill()


def test_the_deletion_between_two_scripts_is_not_tied_to_the_task(run_job, tmp_path):
    script = tmp_path / "scripts" / "reap-jobs"
    script.write_text(f'cat >"{tmp_path}/jobs"; env >"{tmp_path}/env"; echo deleted')
    job = {"name": "train", "namespace": "ml", "uid": "u", "cluster": {"context": "c"}}
    variables = {"PATH": os.environ["PATH"], "AIRFLOW_CTX_DAG_ID": "d", "GKE_JOB_AIRFLOW_ENVIRONMENT": "e"}
    message = []
    kills.delete_job(job, variables, SimpleNamespace(warning=lambda _, text: message.append(text)))
    assert json.loads((tmp_path / "jobs").read_text()) == [{"job": "train", "namespace": "ml", "uid": "u"}]
    assert "AIRFLOW_CTX_" not in (tmp_path / "env").read_text()
    assert message == ["deleted"]


ENDED_BY_SIGTERM = """
import os, pathlib, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
report = pathlib.Path(os.environ["GKE_JOB_CALLER_DIR"])
(report / "job").write_text(sys.argv[1])
(report / "started").touch()
signal.pause()
"""


@pytest.mark.parametrize(
    ("reported", "options", "deleted"),
    [
        ("train ml u", {}, []),
        ("train ml", {}, ["train"]),  # as the operator writes it before run-job is started
        ("", {}, ["train"]),
        ("train ml", {"on_kill_action": "keep"}, []),
        ("train ml", {"deferrable": False}, []),
    ],
)
def test_the_operator_deletes_the_job_that_run_job_had_no_time_to_delete(monkeypatch, reported, options, deleted):
    operator = GkeJobOperator(
        task_id="t", template="batch-job", **{"deferrable": True, "on_kill_action": "delete", **options}
    )
    operator.submitted = {"name": "train", "namespace": "ml", "uid": "u", "cluster": {"context": "c"}}
    asked = []
    monkeypatch.setattr(kills, "delete_job", lambda job, *_: asked.append(job["name"]))
    report = RunDirectory()
    started = report.path / "started"

    def run():
        with pytest.raises(AirflowException):
            operator.runner.run(
                [sys.executable, "-c", ENDED_BY_SIGTERM, reported], report, variables=dict(os.environ), cluster=""
            )

    running = threading.Thread(target=run)
    running.start()
    while not (started.exists() and operator.runner.is_running()):  # the script may start before Popen returns
        assert running.is_alive()
        time.sleep(0.01)
    operator.on_kill()
    running.join()
    report.remove()
    assert asked == deleted

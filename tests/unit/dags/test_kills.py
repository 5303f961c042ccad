"""Whether a next try needs the Job of a killed task; tests/e2e kills real tasks."""

from __future__ import annotations

import json
import os
import threading
from types import SimpleNamespace

import pytest

from gke_job import GkeJobOperator, kills


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
    assert kills.next_try_needs_job(task_instance()) == awaited


def test_a_removed_task_instance_does_not_need_its_job(monkeypatch):
    monkeypatch.setattr(kills, "task_states", lambda *_: {})
    assert not kills.next_try_needs_job(task_instance())


def test_without_a_next_try_the_job_is_not_needed(monkeypatch):
    monkeypatch.setattr(kills, "task_states", lambda *_: {"t": "running"})
    assert not kills.next_try_needs_job(task_instance(tries_left=False))


def test_if_airflow_does_not_answer_the_next_try_needs_the_job(monkeypatch):
    monkeypatch.setattr(kills, "ANSWER_SECONDS", 0.05)
    answer = threading.Event()
    monkeypatch.setattr(kills, "task_states", lambda *_: answer.wait() and {})
    assert kills.next_try_needs_job(task_instance())
    answer.set()


def test_a_kill_before_or_after_the_script_runs_is_not_an_error():
    GkeJobOperator(task_id="t", template="batch-job").on_kill()


def test_the_deletion_between_two_scripts_is_not_tied_to_the_task(run_job, tmp_path):
    script = tmp_path / "scripts" / "reap-jobs"
    script.write_text(f'cat >"{tmp_path}/jobs"; env >"{tmp_path}/env"; echo deleted')
    job = {"name": "train", "namespace": "ml", "uid": "u", "cluster": {"context": "c"}}
    environment = {"PATH": os.environ["PATH"], "AIRFLOW_CTX_DAG_ID": "d", "GKE_JOB_AIRFLOW_ENVIRONMENT": "e"}
    message = []
    kills.delete_job(job, environment, SimpleNamespace(warning=lambda _, text: message.append(text)))
    assert json.loads((tmp_path / "jobs").read_text()) == [{"job": "train", "namespace": "ml", "uid": "u"}]
    assert "AIRFLOW_CTX_" not in (tmp_path / "env").read_text()
    assert message == ["deleted"]

"""What the demo says at its end, from objects as the API returns them and a database as Airflow leaves it."""

from __future__ import annotations

import json
import sqlite3
import sys

import pytest

from demo import summary


def job(name: str, *conditions: str) -> dict:
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"gke-job/task-id": name.upper()},
        },
        "status": {"conditions": [{"type": condition, "status": "True"} for condition in conditions]},
    }


POD = {
    "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"job-name": "done"}},
    "spec": {"nodeName": "node-1"},
    "status": {
        "conditions": [{"type": "PodScheduled", "lastTransitionTime": "2026-01-01T00:00:05Z"}],
        "containerStatuses": [
            {"state": {"terminated": {"startedAt": "2026-01-01T00:00:07Z", "finishedAt": "2026-01-01T00:01:07Z"}}}
        ],
    },
}
NODE = {"metadata": {"name": "node-1", "labels": {"cloud.google.com/gke-nodepool": "highmem-pool"}}}


@pytest.fixture
def cluster(monkeypatch):
    objects = {
        "nodes": [NODE],
        "pods": [POD],
        "jobs": [job("done", "SuccessCriteriaMet", "Complete"), job("broken", "FailureTarget", "Failed"), job("live")],
    }
    monkeypatch.setattr(summary, "get", objects.__getitem__)


@pytest.fixture
def database(tmp_path):
    """Makes a database of Airflow with a run of that state, after an older one."""

    def make(state: str, result: object = None):
        path = tmp_path / "airflow.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE dag_run (id INTEGER, run_id TEXT, state TEXT)")
            connection.execute("CREATE TABLE xcom (run_id TEXT, task_id TEXT, key TEXT, value JSON)")
            connection.executemany("INSERT INTO dag_run VALUES (?, ?, ?)", [(1, "old", "success"), (2, "new", state)])
            rows = [("old", "report", "return_value", "1"), ("new", "train", "return_value", "2")]
            if result is not None:
                rows.append(("new", "report", "return_value", json.dumps(result)))
            connection.executemany("INSERT INTO xcom VALUES (?, ?, ?, ?)", rows)
        return path

    return make


def test_each_job_has_a_line_with_its_stages_in_seconds(cluster, capsys):
    summary.print_jobs()
    _, done, broken, live = capsys.readouterr().out.splitlines()
    assert done.split() == ["DONE", "done", "highmem-pool", "5", "s", "2", "s", "60", "s", "Complete"]
    assert broken.split() == ["BROKEN", "broken", "Failed"]
    assert live.split() == ["LIVE", "live", "unfinished"]


@pytest.mark.parametrize(("state", "status"), [("success", 0), ("failed", 1), ("running", 1)])
def test_the_exit_code_is_0_only_if_the_last_run_succeeded(cluster, database, monkeypatch, state, status):
    monkeypatch.setattr(sys, "argv", ["summary.py", str(database(state))])
    assert summary.main() == status


def test_the_results_are_those_of_the_last_run(database):
    assert summary.last_results(database("success", {"accuracy": 0.8})) == (
        "success",
        {"train": 2, "report": {"accuracy": 0.8}},
    )


def test_a_run_without_a_report_has_the_other_results(database):
    assert summary.last_results(database("failed")) == ("failed", {"train": 2})

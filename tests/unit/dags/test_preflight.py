"""CheckGkeSetup: check-setup checks the stand-in for GKE, and its findings are in log and XCom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gke_job import CheckGkeSetup
from gke_job.compat import AirflowException


class Ti(SimpleNamespace):
    """A task instance that stores XComs."""

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture
def checked(monkeypatch, cluster):
    """Runs the operator; returns its XComs, and the exception of a failed task."""
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)

    def check(**arguments: Any) -> tuple[dict[str, Any], str]:
        ti = Ti(map_index=-1, try_number=1, max_tries=0, pushed={}, task_id="check")
        error = ""
        try:
            CheckGkeSetup(task_id="check", profiles_in_use="cpu-small", **arguments).execute({"ti": ti})
        except AirflowException as raised:
            error = str(raised)
        return ti.pushed, error

    return check


def test_the_findings_are_an_xcom(checked):
    xcoms, error = checked(namespace="default")
    assert error == ""
    findings = xcoms["findings"]
    assert {"rights", "job", "nodes"} <= {finding["check"] for finding in findings}
    # The kubectl of this machine may be older than the server's version allows.
    assert [finding for finding in findings if finding["state"] != "ok" and finding["check"] != "skew"] == []


def test_a_failed_check_fails_the_task_and_the_findings_are_still_an_xcom(checked):
    xcoms, error = checked(namespace="nosuch")
    assert "1 failed: job" in error
    (failed,) = [finding for finding in xcoms["findings"] if finding["state"] == "failed"]
    assert "namespace nosuch does not exist" in failed["found"]
    assert failed["fix"]


def test_do_xcom_push_false_stores_no_findings(checked):
    assert checked(namespace="default", do_xcom_push=False) == ({}, "")


def test_the_memory_of_a_celery_worker_is_checked_for_its_slots(checked, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__CELERY__WORKER_CONCURRENCY", "2")
    (memory,) = [finding for finding in checked(namespace="default")[0]["findings"] if finding["check"] == "memory"]
    assert "for 2 worker slots" in memory["found"]


def test_the_example_prints_each_finding(run_dag):
    log, _ = run_dag("check_setup", profiles="cpu-small")
    assert "ok       rights     all 14" in log
    assert "ok       nodes      cpu-small: " in log

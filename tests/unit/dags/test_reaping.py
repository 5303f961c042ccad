"""Which Jobs ReapGkeJobs takes for orphans; tests/e2e has it delete one."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from gke_job import ReapGkeJobs, reaping

STATES = {"over": "success", "alive": "running", "cleared": None, "deferred": "deferred"}


def job(task_id: str, **differs: str) -> dict[str, str]:
    identity = {"environment": "airflow", "dag_id": "d", "task_id": task_id, "run_id": "r", "map_index": "-1"}
    return {"job": task_id, "namespace": "ml", "uid": "u", "state": "Running", "detached": "", **identity, **differs}


COMPOSER = {"GCP_PROJECT": "ml", "COMPOSER_LOCATION": "europe-west4", "COMPOSER_ENVIRONMENT": "prod"}


@pytest.fixture
def reaped(monkeypatch):
    """The Jobs that are handed to reap-jobs, of those that list-jobs has found, and the options."""

    def reap(*found: dict[str, str], environ: dict[str, str] | None = None, **arguments) -> tuple[list[str], dict]:
        handed = []

        def run(self, context, script, **options):
            if script == "list-jobs":
                return json.dumps(found)
            handed.append(([job["job"] for job in json.loads(Path(options.pop("jobs")).read_text())], options))
            return ""

        monkeypatch.delenv("COMPOSER_ENVIRONMENT", raising=False)
        for name, value in (environ or {}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(ReapGkeJobs, "_run", run)
        monkeypatch.setattr(
            reaping, "task_states", lambda ti, dag, run, index, tasks: {t: STATES[t] for t in tasks if t in STATES}
        )
        ReapGkeJobs(task_id="reap", **arguments).execute(
            {"ti": SimpleNamespace(map_index=-1, try_number=1, max_tries=0)}
        )
        return handed[0]

    return reap


def test_a_job_is_an_orphan_when_its_task_is_over_or_unknown(reaped):
    assert reaped(job("over"), job("alive"), job("cleared"), job("unknown"))[0] == ["over", "unknown"]


def test_a_job_that_its_task_does_not_wait_for_is_none(reaped):
    assert reaped(job("over", detached="true"))[0] == []


def test_a_job_of_a_deferred_task_is_none(reaped):
    assert reaped(job("deferred"))[0] == []


@pytest.mark.parametrize(
    "differs", [{"environment": "other"}, {"environment": "", "dag_id": ""}, {"state": "Complete"}]
)
def test_what_is_of_others_or_finished_is_none(reaped, differs):
    assert reaped(job("over", **differs))[0] == []


def test_d5_in_composer_it_takes_only_jobs_of_its_project_and_region(reaped):
    names = ("ml/europe-west4/prod", "ml/us-central1/prod", "other/europe-west4/prod", "prod", "airflow")
    found = [job("over", job=name, environment=name) for name in names]
    jobs, options = reaped(*found, environ=COMPOSER)
    assert jobs == ["ml/europe-west4/prod"]
    assert options["airflow_environment"] == "ml/europe-west4/prod"


@pytest.mark.parametrize(
    "differs",
    [{"map_index": "zero"}, {"map_index": ""}, {"map_index": "-1\n"}, {"map_index": "\u0663"}, {"run_id": ""}],
)
def test_s6_an_odd_job_is_logged_and_passed_over(reaped, caplog, capsys, differs):
    assert reaped(job("over", job="odd::group::\x1b", **differs), job("over"))[0] == ["over"]
    assert (
        "leaving Job 'odd: :group: :\\x1b' alone: its annotations name no task instance"
        in caplog.text + capsys.readouterr().out
    )


@pytest.mark.parametrize(("given", "dry"), [({}, True), ({"dry_run": "True"}, True), ({"dry_run": "False"}, False)])
def test_it_only_says_what_it_would_do_unless_told_otherwise(reaped, given, dry):
    assert reaped(job("over"), **given)[1] == {"airflow_environment": "airflow", "dry_run": dry}

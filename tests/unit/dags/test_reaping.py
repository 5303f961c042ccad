"""Which Jobs are orphans for ReapGkeJobs; in tests/e2e it deletes one."""

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
    """The Jobs of list-jobs that ReapGkeJobs passes to reap-jobs, and the options."""

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


def test_a_job_is_an_orphan_when_its_task_has_ended_or_is_unknown(reaped):
    assert reaped(job("over"), job("alive"), job("cleared"), job("unknown"))[0] == ["over", "unknown"]


def test_a_job_of_a_task_that_does_not_wait_is_not_an_orphan(reaped):
    assert reaped(job("over", detached="true"))[0] == []


def test_a_job_of_a_deferred_task_is_not_an_orphan(reaped):
    assert reaped(job("deferred"))[0] == []


@pytest.mark.parametrize(
    "differs", [{"environment": "other"}, {"environment": "", "dag_id": ""}, {"state": "Complete"}]
)
def test_a_job_of_another_environment_or_a_finished_one_is_not_an_orphan(reaped, differs):
    assert reaped(job("over", **differs))[0] == []


def test_d5_in_composer_only_jobs_of_the_same_project_and_region_are_orphans(reaped):
    names = ("ml/europe-west4/prod", "ml/us-central1/prod", "other/europe-west4/prod", "prod", "airflow")
    found = [job("over", job=name, environment=name) for name in names]
    jobs, options = reaped(*found, environ=COMPOSER)
    assert jobs == ["ml/europe-west4/prod"]
    assert options["airflow_environment"] == "ml/europe-west4/prod"


@pytest.mark.parametrize(
    "differs",
    [{"map_index": "zero"}, {"map_index": ""}, {"map_index": "-1\n"}, {"map_index": "\u0663"}, {"run_id": ""}],
)
def test_s6_a_job_without_a_valid_task_instance_is_logged_and_skipped(reaped, caplog, capsys, differs):
    assert reaped(job("over", job="odd::group::\x1b", **differs), job("over"))[0] == ["over"]
    assert (
        "skipping Job 'odd: :group: :\\x1b': its annotations name no task instance"
        in caplog.text + capsys.readouterr().out
    )


@pytest.mark.parametrize(("given", "dry"), [({}, True), ({"dry_run": "True"}, True), ({"dry_run": "False"}, False)])
def test_by_default_it_only_logs_which_jobs_it_would_delete(reaped, given, dry):
    assert reaped(job("over"), **given)[1] == {"airflow_environment": "airflow", "dry_run": dry}

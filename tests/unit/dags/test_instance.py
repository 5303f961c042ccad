"""The variables that identify the task instance to the scripts."""

from __future__ import annotations

import pytest

from gke_job import GkeJobOperator
from gke_job.instance import airflow_environment
from gke_jobs.rendering.identity import Run


class Instance:
    map_index = -1
    try_number = 1
    max_tries = 0
    job_id = None


CONTEXT = {"ti": Instance()}
COMPOSER = {"GCP_PROJECT": "ml", "COMPOSER_LOCATION": "europe-west4", "COMPOSER_ENVIRONMENT": "prod"}
EXPLICIT = {"GKE_JOB_AIRFLOW_ENVIRONMENT": "mine"}


@pytest.mark.parametrize("options", [{}, {"env": {"A": "b"}, "append_env": True}])
@pytest.mark.parametrize(("variables", "name"), [(COMPOSER, "ml/europe-west4/prod"), (COMPOSER | EXPLICIT, "mine")])
def test_d5_on_composer_the_environment_is_named_after_it_unless_it_has_a_name(
    run_job, monkeypatch, options, variables, name
):
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    GkeJobOperator(task_id="t", template="batch-job", **options).execute(CONTEXT)
    assert run_job.calls[0]["environment"]["GKE_JOB_AIRFLOW_ENVIRONMENT"] == name


@pytest.mark.parametrize("missing", [*COMPOSER, None])
@pytest.mark.parametrize("explicit", [{}, EXPLICIT, {"GKE_JOB_AIRFLOW_ENVIRONMENT": ""}])
def test_the_scripts_give_the_environment_the_same_name(missing, explicit):
    environ = {name: value for name, value in COMPOSER.items() if name != missing} | explicit
    run = Run.from_environment(environ | {"AIRFLOW_CTX_DAG_ID": "d"})
    assert airflow_environment(environ) == (run.environment or "airflow")


@pytest.mark.parametrize(
    ("retries", "max_tries", "try_number", "cleared"),
    [
        (2, 2, 1, ""),
        (2, 2, 3, ""),
        (2, 5, 4, "attach"),  # cleared after the third try
        (2, 5, 5, ""),
        (0, 1, 2, "attach"),
        (0, -1, 1, ""),  # `airflow tasks test`
    ],
)
def test_run_job_gets_a_variable_if_the_task_was_cleared(run_job, retries, max_tries, try_number, cleared):
    ti = Instance()
    ti.max_tries, ti.try_number = max_tries, try_number
    GkeJobOperator(task_id="t", template="batch-job", retries=retries).execute({"ti": ti})
    assert run_job.calls[0]["environment"]["GKE_JOB_CLEARED"] == cleared


@pytest.mark.parametrize(
    ("arguments", "cleared"),
    [
        ({"deferrable": True}, "replace"),
        ({"deferrable": True, "on_kill_action": "keep"}, "attach"),
        ({"deferrable": True, "wait_for_completion": False}, "attach"),
    ],
)
def test_submit_job_of_a_cleared_task_gets_whether_the_task_waits_in_the_triggerer(run_job, arguments, cleared):
    ti = Instance()
    ti.max_tries, ti.try_number = 1, 2
    operator = GkeJobOperator(task_id="t", template="batch-job", **arguments)
    assert operator.get_env({"ti": ti})["GKE_JOB_CLEARED"] == cleared

"""GkeJobOperator in a real Airflow, with a recorder in place of run-job: options, identity, task groups."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import pytest
from operator_calls import CONTEXT, options

from gke_job import GkeCluster, GkeJobOperator
from gke_job.compat import AirflowException

try:
    from airflow.sdk import TaskGroup
except ImportError:  # Airflow 2.11
    from airflow.utils.task_group import TaskGroup


def options_without_flags(call: dict, *flags: str) -> dict[str, str]:
    return options({**call, "arguments": [word for word in call["arguments"] if word[2:] not in flags]})


def test_every_argument_becomes_an_option_of_run_job(run_job):
    GkeJobOperator(
        task_id="t",
        template="batch-job",
        profile="gpu-l4",
        profiles="/team/profiles.yaml",
        validate="server",
        cluster=GkeCluster(project="p", location="europe-west4", name="c"),
        namespace="ml",
        timeout=timedelta(hours=2),
        schedule_timeout=600,
        start_timeout=30.0,
        unreachable_timeout=timedelta(minutes=1),
        heartbeat=60,
        max_log_streams=3,
        logs="failed",
        report="gs://reports/train.html",
        on_change="attach",
        on_kill_action="keep",
    ).execute(CONTEXT)
    assert options(run_job.calls[0]) == {
        "--project": "p",
        "--location": "europe-west4",
        "--cluster": "c",
        "--template": "batch-job",
        "--profile": "gpu-l4",
        "--profiles": "/team/profiles.yaml",
        "--validate": "server",
        "--namespace": "ml",
        "--timeout": "7200",
        "--schedule-timeout": "600",
        "--start-timeout": "30",
        "--unreachable-timeout": "60",
        "--heartbeat": "60",
        "--max-log-streams": "3",
        "--logs": "failed",
        "--on-change": "attach",
        "--on-kill": "keep",
        "--mark": "later",
        "--report": "gs://reports/train.html",
    }


@pytest.mark.parametrize("name", ["escalate", "fallback"])
def test_escalate_and_fallback_are_options_without_a_value(run_job, name):
    operator = GkeJobOperator(task_id="t", template="batch-job", profile_for={"bytes": 73_000_000_000}, **{name: True})
    operator.execute(CONTEXT)
    assert options_without_flags(run_job.calls[0], name)["--profile-for"] == "bytes=73000000000"
    arguments = run_job.calls[0]["arguments"]
    assert arguments[arguments.index(f"--{name}") + 1].startswith("--")


@pytest.mark.parametrize(
    ("default", "given", "deferrable"), [("True", None, True), ("True", False, False), ("False", None, False)]
)
def test_the_configuration_of_airflow_sets_the_default_of_deferrable(monkeypatch, default, given, deferrable):
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", default)
    assert GkeJobOperator(task_id="t", template="batch-job", deferrable=given).deferrable is deferrable


def test_a_task_that_is_killed_before_its_script_starts_does_not_start_it(run_job):
    operator = GkeJobOperator(task_id="t", template="batch-job")
    operator.on_kill()
    with pytest.raises(AirflowException, match="the task has ended"):
        operator.execute(CONTEXT)
    with pytest.raises(FileNotFoundError):
        _ = run_job.calls


def test_a_deferrable_task_whose_job_is_finished_at_once_is_not_deferred(run_job):
    run_job.behaves(output="3")
    operator = GkeJobOperator(task_id="t", template="batch-job", deferrable=True, do_xcom_push=False)
    assert operator.execute(CONTEXT) == 3
    assert "--once" in run_job.calls[0]["arguments"]


def test_arguments_that_are_not_given_are_not_passed_to_run_job(run_job):
    GkeJobOperator(task_id="t", template="batch-job").execute(CONTEXT)
    assert options(run_job.calls[0]) == {"--template": "batch-job", "--on-kill": "delete", "--mark": "later"}
    assert run_job.calls[0]["values"] == {}


def test_a_shell_sees_no_syntax_in_an_argument(run_job):
    hostile = "a b'; touch /tmp/x; $(id) `id` \"\n--dry-run"
    GkeJobOperator(task_id="t", template="batch-job", profile=hostile).execute(CONTEXT)
    assert options(run_job.calls[0])["--profile"] == hostile


def test_the_log_of_a_task_begins_with_the_version(run, run_job, caplog, capfd):
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job")) == "success"
    log = caplog.text + capfd.readouterr().out
    assert 0 < log.index("gke-job 1.2.3") < log.index("Command to repeat this run")


def test_airflow_does_not_warn_of_a_call_outside_of_a_task(run, run_job, caplog, capfd):
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job")) == "success"
    log = caplog.text + capfd.readouterr().out  # Airflow 2.11 logs to the former, 3 to the latter
    assert "a line of the log" in log
    assert "cannot be called outside" not in log


def test_append_env_adds_to_the_environment_of_run_job(run_job):
    GkeJobOperator(task_id="t", template="batch-job", env={"A": "1"}, append_env=True).execute(CONTEXT)
    environment = run_job.calls[0]["environment"]
    assert (environment["A"], "PATH" in environment) == ("1", True)


def test_run_job_gets_variables_that_identify_the_task_instance(run, run_job, monkeypatch, request):
    monkeypatch.delenv("COMPOSER_ENVIRONMENT", raising=False)
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job")) == "success"
    environment = run_job.calls[0]["environment"]
    assert environment["AIRFLOW_CTX_DAG_ID"] == request.node.name
    assert environment["AIRFLOW_CTX_TASK_ID"] == "t"
    assert environment["AIRFLOW_CTX_DAG_RUN_ID"].startswith("manual__")
    assert environment["AIRFLOW_CTX_TRY_NUMBER"] == "1"
    assert environment["GKE_JOB_MAP_INDEX"] == "-1"
    assert environment["GKE_JOB_AIRFLOW_ENVIRONMENT"] == "airflow"
    assert environment["GKE_JOB_PYTHON"] == sys.executable
    assert environment["PATH"] == os.environ["PATH"]


def test_setup_and_teardown_run_around_a_failing_task(run, run_job):
    run_job.fails("failing")

    def build() -> None:
        make = GkeJobOperator(task_id="make", template="make").as_setup()
        remove = GkeJobOperator(task_id="remove", template="remove")
        make >> GkeJobOperator(task_id="work", template="failing") >> remove.as_teardown(setups=make)

    assert run(build) == "failed"
    assert [options(call)["--template"] for call in run_job.calls] == ["make", "failing", "remove"]


def test_a_task_group_is_part_of_the_task_id_and_trigger_rules_work(run, run_job):
    run_job.fails("failing")

    def build() -> None:
        with TaskGroup("group"):
            work = GkeJobOperator(task_id="work", template="failing")
            rescue = GkeJobOperator(task_id="rescue", template="rescue", trigger_rule="one_failed")
        work >> [rescue, GkeJobOperator(task_id="never", template="never")]

    run(build)
    assert [call["environment"]["AIRFLOW_CTX_TASK_ID"] for call in run_job.calls] == ["group.work", "group.rescue"]

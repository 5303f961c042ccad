"""GkeJobOperator in a real Airflow, with a recorder in the place of run-job."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.decorators import task


class TaskInstance:
    map_index = -1


CONTEXT = {"ti": TaskInstance()}


@pytest.fixture
def run(register, request):
    """Runs the DAG of the tasks that `build` makes, named after the test; returns the run's state."""

    def run(build, **dag_arguments) -> str:
        with DAG(request.node.name, schedule=None, **dag_arguments) as dag:
            build()
        register(dag)
        return dag.test().state.value

    return run


def options(call: dict) -> dict[str, str]:
    """The options of a call by name, without --values."""
    names, given = call["arguments"][::2], call["arguments"][1::2]
    return {name: value for name, value in zip(names, given, strict=True) if name != "--values"}


def test_every_argument_becomes_an_option_of_run_job(run_job):
    GkeJobOperator(
        task_id="t",
        template="batch-job",
        profile="gpu-l4",
        cluster=GkeCluster(project="p", location="europe-west4", name="c"),
        namespace="ml",
        timeout=timedelta(hours=2),
        on_kill_action="keep",
    ).execute(CONTEXT)
    assert options(run_job.calls[0]) == {
        "--project": "p",
        "--location": "europe-west4",
        "--cluster": "c",
        "--template": "batch-job",
        "--profile": "gpu-l4",
        "--namespace": "ml",
        "--timeout": "7200",
        "--on-kill": "keep",
    }


def test_what_is_not_given_is_left_to_run_job(run_job):
    GkeJobOperator(task_id="t", template="batch-job").execute(CONTEXT)
    assert options(run_job.calls[0]) == {"--template": "batch-job", "--on-kill": "delete"}
    assert run_job.calls[0]["values"] == {}


def test_a_shell_sees_no_syntax_in_an_argument(run_job):
    hostile = "a b'; touch /tmp/x; $(id) `id` \"\n--dry-run"
    GkeJobOperator(task_id="t", template="batch-job", profile=hostile).execute(CONTEXT)
    assert options(run_job.calls[0])["--profile"] == hostile


def test_values_keep_their_types_through_xcom_and_only_the_dag_authors_jinja_is_rendered(run, run_job):
    made = {"rate": 0.1, "tags": ["a.sh", "{{ 7*7 }}"], "none": None, "quote": "'\"\n---"}

    def build() -> None:
        @task
        def make() -> dict:
            return made

        GkeJobOperator(
            task_id="t",
            template="batch-job",
            profile="{{ params.profile }}",
            cluster=GkeCluster(context="{{ params.context }}"),
            values={"deep": [{"made": make()}], "jinja": "{{ params.profile }}-{{ task.task_id }}", "script": "run.sh"},
        )

    assert run(build, params={"profile": "cpu-small", "context": "here"}) == "success"
    (call,) = run_job.calls
    assert call["values"] == {"deep": [{"made": made}], "jinja": "cpu-small-t", "script": "run.sh"}
    assert options(call)["--profile"] == "cpu-small"
    assert options(call)["--context"] == "here"


def test_airflow_has_nothing_to_warn_of(run, run_job, caplog, capfd):
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job")) == "success"
    log = caplog.text + capfd.readouterr().out  # Airflow 2.11 logs to the former, 3 to the latter
    assert "Running command" in log
    assert "cannot be called outside" not in log


def test_the_result_is_what_the_next_task_gets(run, run_job, tmp_path):
    result = {"loss": 0.25, "uri": "gs://b/model", "list": [1, None]}
    run_job.behaves(output=f"a line\n{json.dumps(result)}\n")

    def build() -> None:
        @task
        def use(received: dict) -> None:
            (tmp_path / "received").write_text(json.dumps(received))

        use(GkeJobOperator(task_id="t", template="batch-job").output)

    assert run(build) == "success"
    assert json.loads((tmp_path / "received").read_text()) == result


def test_a_key_of_the_result_can_be_handed_on_alone(run, run_job):
    run_job.behaves(output='{"rows": 3}')

    def build() -> None:
        measure = GkeJobOperator(task_id="measure", template="batch-job")
        GkeJobOperator(task_id="use", template="batch-job", values={"rows": measure.output["rows"]})

    assert run(build) == "success"
    assert run_job.calls[1]["values"] == {"rows": 3}


def test_a_result_that_is_no_object_is_the_return_value_alone(run, run_job):
    run_job.behaves(output="[1, 2]")

    def build() -> None:
        measure = GkeJobOperator(task_id="measure", template="batch-job")
        GkeJobOperator(task_id="use", template="batch-job", values={"all": measure.output})

    assert run(build) == "success"
    assert run_job.calls[1]["values"] == {"all": [1, 2]}


def test_a_job_without_a_result_returns_none(run_job):
    run_job.behaves(output="null\n")
    assert GkeJobOperator(task_id="t", template="batch-job").execute(CONTEXT) is None


def test_an_exit_code_fails_the_task_and_is_in_the_error(run_job):
    run_job.behaves(output="", status=78)
    with pytest.raises(Exception, match=r"exit code 78"):
        GkeJobOperator(task_id="t", template="batch-job").execute(CONTEXT)


def test_values_of_any_size_pass_and_show_neither_in_arguments_nor_in_the_environment(run_job):
    secret = "s3cret" * 50_000  # more than the 128 KiB that one argument or variable may hold
    GkeJobOperator(task_id="t", template="batch-job", values={"text": secret}).execute(CONTEXT)
    (call,) = run_job.calls
    assert call["values"] == {"text": secret}
    assert "s3cret" not in json.dumps([call["arguments"], call["environment"]])


def test_the_values_file_is_private_and_removed(run_job):
    GkeJobOperator(task_id="t", template="batch-job", values={"a": 1}).execute(CONTEXT)
    (call,) = run_job.calls
    assert call["modes"] == [0o700, 0o600]
    assert not Path(call["arguments"][call["arguments"].index("--values") + 1]).parent.exists()


def test_a_value_that_json_lacks_is_refused_before_anything_runs(run_job):
    operator = GkeJobOperator(task_id="t", template="batch-job", values={"a": [{"when": timedelta(1)}]})
    with pytest.raises(TypeError, match=r"^values\['a'\]\[0\]\['when'\] is of type datetime.timedelta"):
        operator.execute(CONTEXT)


def test_run_job_learns_which_task_instance_it_serves(run, run_job, monkeypatch, request):
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


def test_on_composer_the_environment_is_named_after_it(run_job, monkeypatch):
    monkeypatch.setenv("COMPOSER_ENVIRONMENT", "prod-west")
    GkeJobOperator(task_id="t", template="batch-job").execute(CONTEXT)
    assert run_job.calls[0]["environment"]["GKE_JOB_AIRFLOW_ENVIRONMENT"] == "prod-west"


def test_mapped_tasks_differ_in_values_and_map_index_and_share_a_cluster(run, run_job):
    cluster = GkeCluster(project="{{ params.project }}", location="l", name="c")

    def build() -> None:
        common = GkeJobOperator.partial(task_id="t", template="batch-job", cluster=cluster)
        common.expand(values=[{"seed": 1}, {"seed": 2}])

    assert run(build, params={"project": "p-1"}) == "success"
    seen = [(call["environment"]["GKE_JOB_MAP_INDEX"], call["values"]["seed"]) for call in run_job.calls]
    assert sorted(seen) == [("0", 1), ("1", 2)]
    assert {options(call)["--project"] for call in run_job.calls} == {"p-1"}
    assert cluster.project == "{{ params.project }}"


def test_a_mapped_tasks_results_reach_values_as_a_list(run, run_job):
    def build() -> None:
        @task
        def double(x: int) -> int:
            return 2 * x

        GkeJobOperator(task_id="t", template="batch-job", values={"all": double.expand(x=[1, 2, 3])})

    assert run(build) == "success"
    assert run_job.calls[0]["values"] == {"all": [2, 4, 6]}

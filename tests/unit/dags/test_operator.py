"""GkeJobOperator in a real Airflow, with a recorder in the place of run-job."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.models import TaskInstance
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.utils.session import create_session

from gke_job import GkeCluster, GkeJobOperator, masking
from gke_job.compat import AIRFLOW_2, AirflowException, AirflowFailException

try:
    from airflow.sdk import TaskGroup, task
    from airflow.sdk.log import redact
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.utils.log.secrets_masker import redact
    from airflow.utils.task_group import TaskGroup


class Instance:
    map_index = -1
    try_number = 1
    max_tries = 0
    job_id = None
    try_number = 1
    max_tries = 0

    def xcom_push(self, key, value):
        raise AssertionError(f"{key} is pushed outside of a run")


CONTEXT = {"ti": Instance()}


def options(call: dict) -> dict[str, str]:
    """The options of a call by name, without --values."""
    names, given = call["arguments"][::2], call["arguments"][1::2]
    return {name: value for name, value in zip(names, given, strict=True) if name != "--values"}


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
    with pytest.raises(AirflowException, match="the task was ended"):
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


def test_the_log_of_a_task_begins_with_the_version(run, run_job, caplog, capfd):
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job")) == "success"
    log = caplog.text + capfd.readouterr().out
    assert 0 < log.index("gke-job 1.2.3") < log.index("The command that repeats this run")


def test_airflow_does_not_warn_of_a_call_outside_of_a_task(run, run_job, caplog, capfd):
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job")) == "success"
    log = caplog.text + capfd.readouterr().out  # Airflow 2.11 logs to the former, 3 to the latter
    assert "a line of the log" in log
    assert "cannot be called outside" not in log


def test_the_next_task_gets_the_result(run, run_job, tmp_path):
    result = {"loss": 0.25, "uri": "gs://b/model", "list": [1, None]}
    run_job.behaves(output=f"a line\n{json.dumps(result)}\n")

    def build() -> None:
        @task
        def use(received: dict) -> None:
            (tmp_path / "received").write_text(json.dumps(received))

        use(GkeJobOperator(task_id="t", template="batch-job").output)

    assert run(build) == "success"
    assert json.loads((tmp_path / "received").read_text()) == result


def test_another_task_can_use_a_single_key_of_the_result(run, run_job):
    run_job.behaves(output='{"rows": 3}')

    def build() -> None:
        measure = GkeJobOperator(task_id="measure", template="batch-job")
        GkeJobOperator(task_id="use", template="batch-job", values={"rows": measure.output["rows"]})

    assert run(build) == "success"
    assert run_job.calls[1]["values"] == {"rows": 3}


NULL = '{{ ti.xcom_pull("measure")["n"] is none }}'


@pytest.mark.parametrize(("given", "state"), [(NULL, "success"), (None, "success" if AIRFLOW_2 else "failed")])
def test_a_null_of_the_result_is_read_from_the_return_value(run, run_job, given, state):
    run_job.behaves(output='{"n": null, "m": 1}')

    def build() -> None:
        measure = GkeJobOperator(task_id="measure", template="batch-job")
        n = given or measure.output["n"]
        GkeJobOperator(task_id="use", template="batch-job", values={"n": n, "m": measure.output["m"]})

    assert run(build) == state
    passed = {"n": "True" if given else None, "m": 1}
    assert [call["values"] for call in run_job.calls[1:]] == ([passed] if state == "success" else [])


def test_a_result_that_is_not_an_object_is_only_the_return_value(run, run_job):
    run_job.behaves(output="[1, 2]")

    def build() -> None:
        measure = GkeJobOperator(task_id="measure", template="batch-job")
        GkeJobOperator(task_id="use", template="batch-job", values={"all": measure.output})

    assert run(build) == "success"
    assert run_job.calls[1]["values"] == {"all": [1, 2]}


def test_an_integer_of_more_than_64_bits_is_text(run_job):
    run_job.behaves(output=f'{{"large": {2**64}, "small": 1}}')
    job = GkeJobOperator(task_id="t", template="batch-job", do_xcom_push=False)
    assert job.execute(CONTEXT) == {"large": "18446744073709551616", "small": 1}


def test_a_job_without_a_result_returns_none(run_job):
    run_job.behaves(output="null\n")
    assert GkeJobOperator(task_id="t", template="batch-job").execute(CONTEXT) is None


@pytest.mark.parametrize(
    ("status", "helps"), [(1, True), (69, True), (124, True), (143, True), *((s, False) for s in (64, 65, 66, 77, 78))]
)
def test_the_exit_code_decides_whether_airflow_retries(run_job, status, helps):
    run_job.behaves(output="", status=status)
    with pytest.raises(AirflowException, match=f"exit code {status}") as error:
        GkeJobOperator(task_id="t", template="batch-job").execute(CONTEXT)
    assert isinstance(error.value, AirflowFailException) != helps


@pytest.mark.parametrize(("status", "tries"), [(1, ["1", "2"]), (78, ["1"])])
def test_airflow_retries_only_if_a_retry_may_help(run, run_job, status, tries):
    run_job.behaves(output="", status=status)
    task = {"task_id": "t", "template": "batch-job", "retries": 1, "retry_delay": timedelta(0)}
    assert run(lambda: GkeJobOperator(**task)) == "failed"
    assert [call["environment"]["AIRFLOW_CTX_TRY_NUMBER"] for call in run_job.calls] == tries


def test_values_of_any_size_are_passed_and_are_neither_arguments_nor_variables(run_job):
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


def test_a_value_that_json_lacks_is_refused_before_a_script_runs(run_job):
    operator = GkeJobOperator(task_id="t", template="batch-job", values={"a": [{"when": timedelta(1)}]})
    with pytest.raises(TypeError, match=r"^values\['a'\]\[0\]\['when'\] is of type datetime.timedelta"):
        operator.execute(CONTEXT)


def test_append_env_adds_to_the_environment_of_run_job(run_job):
    GkeJobOperator(task_id="t", template="batch-job", env={"A": "1"}, append_env=True).execute(CONTEXT)
    environment = run_job.calls[0]["environment"]
    assert (environment["A"], "PATH" in environment) == ("1", True)


def test_a_manifest_is_passed_as_a_json_file(run_job):
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"note": "{{ raw }} $(HOME)"}}
    GkeJobOperator(task_id="t", manifest=manifest).execute(CONTEXT)
    (call,) = run_job.calls
    assert call["values"] == {}
    assert options(call)["--template"].endswith("/template.json")
    assert call["manifest"] == manifest


def test_a_value_with_a_sensitive_name_is_masked_in_the_log(run_job):
    values = {"env": {"DB_PASSWORD": "hunter2-in-it"}}
    GkeJobOperator(task_id="t", template="batch-job", values=values).execute(CONTEXT)
    assert run_job.calls[0]["values"] == values
    assert redact("hunter2-in-it") == "***"


def test_airflow_warns_only_of_short_texts_that_are_secrets(run_job, monkeypatch):
    masked = []
    monkeypatch.setattr(masking, "mask_secret", lambda text, name: masked.append((name, text)))
    values = {"image": "i", "args": ["a"], "env": {"TOKEN": "abc", "password": ["x", "y"], "SEED": 7}}
    GkeJobOperator(task_id="t", template="batch-job", values=values).execute(CONTEXT)
    assert masked == [("TOKEN", "abc"), ("password", "x"), ("password", "y")]


def test_the_traceback_of_a_failed_task_ends_at_the_operator(run_job):
    run_job.behaves(status=1)
    with pytest.raises(AirflowException) as error:
        GkeJobOperator(task_id="t", template="batch-job").execute(CONTEXT)
    assert [entry.name for entry in error.traceback][-1] == "execute"


def test_names_of_service_accounts_and_secrets_are_not_masked(run_job):
    values = {
        "service_account": "of-default",
        "image_pull_secrets": ["of-registry"],
        "secret_files": {"/etc/token": "of-tokens"},
        "secret_env": {"TOKEN": {"name": "of-tokens", "key": "of-key"}},
    }
    GkeJobOperator(task_id="t", template="batch-job", values=values).execute(CONTEXT)
    names = "of-default of-registry of-tokens of-key"
    assert redact(names) == names


def test_the_ui_shows_the_rendered_values_and_masks_sensitive_ones(run, run_job, request):
    values = {"env": {"DB_PASSWORD": "hunter3-in-it", "USER": "{{ task.task_id }}-user"}}
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job", values=values)) == "success"
    with create_session() as session:
        rendered = session.query(RenderedTaskInstanceFields).filter_by(dag_id=request.node.name).one().rendered_fields
    assert rendered["values"]["env"] == {"DB_PASSWORD": "***", "USER": "t-user"}
    assert "hunter3" not in json.dumps(rendered)


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


def test_a_mapped_task_merges_map_values_over_values_and_can_be_named_by_them(run, run_job, dag_id):
    def build() -> None:
        @task
        def grid() -> list:
            return [{"env": {"SEED": 1}}, {"env": {"SEED": 2}, "retries": 0}]

        common = {"image": "{{ params.image }}", "env": {"ROWS": 5, "SEED": 0}}
        job = GkeJobOperator.partial(
            task_id="t",
            template="batch-job",
            values=common,
            map_index_template="seed {{ task.map_values['env']['SEED'] }}",
        )
        job.expand(map_values=grid())

    assert run(build, params={"image": "i:1"}) == "success"
    seen = sorted((call["environment"]["GKE_JOB_MAP_INDEX"], call["values"]) for call in run_job.calls)
    assert seen == [
        ("0", {"image": "i:1", "env": {"ROWS": 5, "SEED": 1}}),
        ("1", {"image": "i:1", "env": {"ROWS": 5, "SEED": 2}, "retries": 0}),
    ]
    with create_session() as session:
        named = session.query(TaskInstance.rendered_map_index).filter_by(dag_id=dag_id, task_id="t").all()
    assert sorted(name for (name,) in named) == ["seed 1", "seed 2"]


def test_a_mapped_tasks_results_reach_values_as_a_list(run, run_job):
    def build() -> None:
        @task
        def double(x: int) -> int:
            return 2 * x

        GkeJobOperator(task_id="t", template="batch-job", values={"all": double.expand(x=[1, 2, 3])})

    assert run(build) == "success"
    assert run_job.calls[0]["values"] == {"all": [2, 4, 6]}


@pytest.mark.parametrize("native", [True, False])
def test_jinja_may_render_to_native_objects(run, run_job, native):
    def build() -> None:
        GkeJobOperator(
            task_id="t",
            template="batch-job",
            profile_for={"bytes": "{{ params.bytes }}"},
            cluster=GkeCluster(context="{{ params.context }}"),
            values={"rows": "{{ params.bytes }}", "names": "{{ params.names }}"},
        )

    parameters = {"bytes": 73_000_000_000, "context": 7, "names": ["a", "b"]}
    assert run(build, params=parameters, render_template_as_native_obj=native) == "success"
    (call,) = run_job.calls
    assert options(call)["--profile-for"] == "bytes=73000000000"
    assert options(call)["--context"] == "7"
    objects, text = {"rows": 73_000_000_000, "names": ["a", "b"]}, {"rows": "73000000000", "names": "['a', 'b']"}
    assert call["values"] == (objects if native else text)


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

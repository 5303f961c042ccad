"""GkeJobOperator: values, manifests and mapped tasks, with a recorder in place of run-job."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.models import TaskInstance
from airflow.utils.session import create_session
from operator_calls import CONTEXT, options

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task


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


def test_a_manifest_is_passed_as_a_json_file(run_job):
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"note": "{{ raw }} $(HOME)"}}
    GkeJobOperator(task_id="t", manifest=manifest).execute(CONTEXT)
    (call,) = run_job.calls
    assert call["values"] == {}
    assert options(call)["--template"].endswith("/template.json")
    assert call["manifest"] == manifest


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

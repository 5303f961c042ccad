"""The example with Google's operators, tested with Google's provider: `make test-google`."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import ParamValidationError
from example_rules import OF_GOOGLES_PROVIDER, check_example
from google.cloud.bigquery import QueryJobConfig

from gke_jobs.rendering.rendering import render

RUN = "manual__2026-11-26T02:00:00+00:00"
DATAFLOW_JOB = "2026-11-26_02_00_00-1234567890123456789"
NO_TEMPLATE = "{{ 7 * 7 }}"  # in an XCom, whose text is data
METRICS = {
    "loss": 0.125,
    "note": f"a 'quote', a \"double\" one, {NO_TEMPLATE}, `x`; DROP TABLE ml.metrics --",
    "n": None,
}
XCOMS = {"prepare": DATAFLOW_JOB, "train": METRICS}


class TaskInstance:
    """A task instance with the XComs of a run."""

    map_index = -1

    def xcom_pull(self, *, task_ids: str, **_: Any) -> Any:
        return XCOMS[task_ids]


@pytest.fixture(scope="module")
def dag(bag):
    assert bag.import_errors == {}
    return bag.dags["prepare_train_load"]


@pytest.fixture
def rendered(dag):
    """The template fields of a task, rendered as in a run."""

    def rendered(task_id: str, **params: Any) -> dict[str, Any]:
        task = dag.get_task(task_id).prepare_for_execution()
        instance = TaskInstance()
        context = {
            "dag": dag,
            "params": {**dag.params.dump(), **params},
            "run_id": RUN,
            "task": task,
            "task_instance": instance,
            "ti": instance,
        }
        task.render_template_fields(context)
        fields = {name: getattr(task, name) for name in task.template_fields}
        assert not re.search(r"{{|{%|XComArg", repr(fields).replace(NO_TEMPLATE, ""))
        return fields

    return rendered


def test_these_tests_cover_the_examples_that_the_other_tests_exclude(dag):
    assert {dag.dag_id} == OF_GOOGLES_PROVIDER


def test_the_example_is_short_and_has_a_description(dag):
    check_example(dag)


def test_the_tasks_are_in_a_row(dag):
    assert dag.get_task("prepare").downstream_task_ids == {"train", "load"}
    assert dag.get_task("train").downstream_task_ids == {"load"}


def test_dataflow_writes_to_the_directory_of_the_run(rendered):
    fields = rendered("prepare", query="SELECT 1", bucket="data")
    assert fields["parameters"] == {
        "readQuery": "SELECT 1",
        "outputDirectory": f"gs://data/prepare_train_load/{RUN}",
    }
    assert fields["template"] == "gs://dataflow-templates-europe-west4/latest/Cloud_BigQuery_to_GCS_TensorFlow_Records"
    assert (fields["job_name"], fields["location"]) == ("prepare", "europe-west4")


def test_the_job_reads_the_directory_that_dataflow_writes(rendered, deployed, tmp_path):
    fields = rendered("train", bucket="data", service_account="trainer", project="ml", location="l", cluster="c")
    assert {name: fields["cluster"][name] for name in ("project", "location", "name")} == {
        "project": "ml",
        "location": "l",
        "name": "c",
    }
    (templates,) = deployed.glob("gke_job_releases/*/templates")
    text = render(
        template=fields["template"],
        values=None,
        profile=fields["profile"],
        name=None,
        namespace=fields["namespace"],
        templates=templates,
        environ={"GKE_JOB_VALUES": json.dumps(fields["values"]), "AIRFLOW_CTX_DAG_ID": "d"},
    )
    pod = yaml.safe_load(text)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert environment["DATA"] == f"/data/prepare_train_load/{RUN}"
    assert environment["DATAFLOW_JOB"] == DATAFLOW_JOB
    assert pod["serviceAccountName"] == "trainer"
    (volume,) = [volume for volume in pod["volumes"] if volume.get("csi")]
    assert volume["csi"]["volumeAttributes"]["bucketName"] == "data"
    assert {"name": volume["name"], "mountPath": "/data"}.items() <= container["volumeMounts"][-1].items()


def test_bigquery_gets_the_metrics_as_a_parameter_and_not_as_sql(rendered):
    configuration = rendered("load", metrics_table="p.ml.metrics")["configuration"]
    job = QueryJobConfig.from_api_repr(json.loads(json.dumps(configuration)))
    assert configuration["query"]["query"] == (
        "INSERT INTO `p.ml.metrics` VALUES (@run_id, @dataflow_job, PARSE_JSON(@metrics))"
    )
    values = {parameter.name: parameter.value for parameter in job.query_parameters}
    assert values.keys() == {"run_id", "dataflow_job", "metrics"}
    assert (values["run_id"], values["dataflow_job"]) == (RUN, DATAFLOW_JOB)
    assert json.loads(values["metrics"]) == METRICS
    assert job.use_legacy_sql is False


@pytest.mark.parametrize("table", ["ml.metrics` SELECT 1 --", "metrics", "a.b.c.d"])
def test_a_table_param_that_is_not_a_name_is_refused(dag, table):
    param = dag.params.get_param("metrics_table")
    assert param.resolve("p.ml.metrics") == "p.ml.metrics"
    with pytest.raises(ParamValidationError):
        param.resolve(table)

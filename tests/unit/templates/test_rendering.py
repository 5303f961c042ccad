from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from gke_jobs.rendering.rendering import render

TASK = {
    "AIRFLOW_CTX_DAG_ID": "train_model",
    "AIRFLOW_CTX_TASK_ID": "fit",
    "AIRFLOW_CTX_DAG_RUN_ID": "manual__1",
    "AIRFLOW_CTX_TRY_NUMBER": "1",
}
TEMPLATE = """
apiVersion: batch/v1
kind: Job
spec:
  template:
    spec:
      containers:
        - name: {{ values.name }}
          env:
            - {name: TRY, value: "{{ run.try_number }} {{ run.dag_id }}"}
"""


@pytest.fixture
def manifest(tmp_path):
    """Renders TEMPLATE with the variables of TASK and others; the values may be overridden."""
    template = tmp_path / "mine.yaml.j2"
    template.write_text(TEMPLATE)

    def manifest(name: str | None = None, namespace: str | None = None, **environ: str) -> dict:
        text = render(
            template=str(template),
            values=None,
            profile=None,
            name=name,
            namespace=namespace,
            templates=Path(__file__).parents[3] / "templates",
            environ={"GKE_JOB_VALUES": json.dumps({"name": "main"}), **TASK, **environ},
        )
        return yaml.safe_load(text)

    return manifest


def test_a_template_can_read_the_run(manifest):
    [container] = manifest()["spec"]["template"]["spec"]["containers"]
    assert container["env"][0]["value"] == "1 train_model"


def test_a_template_can_read_the_name_of_its_job(manifest, tmp_path):
    (tmp_path / "mine.yaml.j2").write_text(TEMPLATE + "      subdomain: {{ job.name }}\n")
    for job in (manifest(), manifest(name="given")):
        assert job["spec"]["template"]["spec"]["subdomain"] == job["metadata"]["name"]


@pytest.mark.parametrize(
    "environ", [{"AIRFLOW_CTX_LOGICAL_DATE": "2026-11-25"}, {"AIRFLOW_CTX_EXECUTION_DATE": "2026-11-25"}]
)
def test_a_template_can_read_the_logical_date_by_either_name_of_airflow(manifest, tmp_path, environ):
    (tmp_path / "mine.yaml.j2").write_text(TEMPLATE + "      subdomain: {{ run.logical_date }}\n")
    assert manifest(**environ)["spec"]["template"]["spec"]["subdomain"] == "2026-11-25"
    assert manifest()["spec"]["template"]["spec"]["subdomain"] == ""


def test_a_retry_is_the_same_job_even_if_the_container_gets_the_try_number(manifest):
    first, second = manifest()["metadata"], manifest(AIRFLOW_CTX_TRY_NUMBER="2")["metadata"]
    first_try, second_try = (metadata["annotations"].pop("gke-job/try-number") for metadata in (first, second))
    assert (first_try, second_try) == ("1", "2")
    assert first == second


def test_other_values_give_another_manifest_hash_and_the_same_identity(manifest):
    one, other = manifest()["metadata"], manifest(GKE_JOB_VALUES='{"name": "other"}')["metadata"]
    assert one["labels"] == other["labels"]
    assert one["annotations"]["gke-job/manifest-hash"] != other["annotations"]["gke-job/manifest-hash"]


def test_job_and_pods_have_labels_of_dag_and_task_which_do_not_change_the_manifest_hash(manifest):
    one, other = manifest(), manifest(AIRFLOW_CTX_TASK_ID="größe")
    for job, task in ((one, "fit"), (other, "gr-e-b0e6dcaa")):
        for labels in (job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]):
            assert (labels["gke-job/dag"], labels["gke-job/task"]) == ("train_model", task)
    hashes = {job["metadata"]["annotations"]["gke-job/manifest-hash"] for job in (one, other)}
    assert len(hashes) == 1


def test_a_given_name_does_not_change_the_identity_of_a_task(manifest):
    given, default = manifest(name="given")["metadata"], manifest()["metadata"]
    assert given["name"] == "given"
    assert given["labels"] == default["labels"]


def test_from_a_shell_a_given_name_is_its_own_identity(manifest):
    by_hand = {"AIRFLOW_CTX_DAG_ID": "", "USER": "ada"}
    default = manifest(**by_hand)["metadata"]
    assert default["name"] == "mine-ada"
    assert manifest(name="given", **by_hand)["metadata"]["labels"] != default["labels"]
    assert set(default["annotations"].values()) == {"", default["annotations"]["gke-job/manifest-hash"]}


def test_values_of_the_maximum_depth_are_rendered(manifest, tmp_path):
    (tmp_path / "mine.yaml.j2").write_text(TEMPLATE + "      volumes: {{ values.deep }}\n")
    deep = "[" * 99 + "1" + "]" * 99
    spec = manifest(GKE_JOB_VALUES=f'{{"name": "main", "deep": {deep}}}')["spec"]["template"]["spec"]
    assert json.dumps(spec["volumes"]) == deep


def test_the_namespace_option_is_written_into_the_manifest(manifest):
    assert manifest(namespace="ml")["metadata"]["namespace"] == "ml"
    assert "namespace" not in manifest()["metadata"]

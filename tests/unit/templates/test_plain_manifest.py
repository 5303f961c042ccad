"""A manifest in JSON is used unchanged: no Jinja, no values, dollars as in Kubernetes."""

from __future__ import annotations

import json

import pytest
import yaml
from golden import TEMPLATES

from gke_jobs.rendering.render_error import RenderError
from gke_jobs.rendering.rendering import render

CONTAINER = {"name": "main", "image": "{{ values.image }}", "args": ["$(HOME)", "{% raw"], "command": None}
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}},
}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "mine"}, "spec": {"clusterIP": "None"}}


def rendered(tmp_path, content, values="{}", profile=None):
    file = tmp_path / "job.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    text = render(
        template=str(file),
        values=None,
        profile=profile,
        name="mine",
        namespace=None,
        templates=TEMPLATES,
        environ={"GKE_JOB_VALUES": values, "USER": "ada"},
    )
    return list(yaml.safe_load_all(text))


def test_a_json_manifest_is_used_unchanged(tmp_path):
    [job] = rendered(tmp_path, JOB)
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container == {key: value for key, value in CONTAINER.items() if value is not None}
    assert job["metadata"]["name"] == "mine"
    assert job["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "gke-job"


def test_a_manifest_and_its_values_may_name_a_schema_for_editors(tmp_path):
    [job] = rendered(tmp_path, {"$schema": "./job.json", **JOB}, values='{"$schema": "./x.json"}')
    assert "$schema" not in job


def test_a_manifest_may_be_a_list_with_the_objects_that_the_job_owns(tmp_path):
    assert [document["kind"] for document in rendered(tmp_path, [JOB, SERVICE])] == ["Job", "Service"]


def test_references_of_the_job_to_its_objects_get_the_final_names(tmp_path):
    pod = {
        "subdomain": "train",
        "containers": [
            {
                "name": "train",
                "envFrom": [{"configMapRef": {"name": "train"}}, {"configMapRef": {"name": "trainer"}}],
                "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "train-files", "key": "train"}}}],
                "args": ["train"],
            }
        ],
        "volumes": [
            {"name": "train", "configMap": {"name": "train-files"}},
            {"name": "both", "projected": {"sources": [{"configMap": {"name": "train"}}]}},
            {"name": "other", "secret": {"secretName": "train"}},
        ],
    }
    content = [
        {**JOB, "metadata": {"name": "train"}, "spec": {"template": {"spec": pod}}},
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"subdomain": "train"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "train-files"}},
        {**SERVICE, "metadata": {"name": "train"}, "spec": {"selector": {"batch.kubernetes.io/job-name": "train"}}},
    ]
    job, config, files, service = rendered(tmp_path, content)
    assert [found["metadata"]["name"] for found in (job, config, files, service)] == [
        *("mine", "mine", "mine-files", "mine")
    ]
    found = job["spec"]["template"]["spec"]
    [container] = found["containers"]
    assert (found["subdomain"], container["name"], container["args"]) == ("mine", "train", ["train"])
    assert [one["configMapRef"]["name"] for one in container["envFrom"]] == ["mine", "trainer"]
    assert container["env"][0]["valueFrom"]["configMapKeyRef"] == {"name": "mine-files", "key": "train"}
    volumes = [
        {"name": "train", "configMap": {"name": "mine-files"}},
        {"name": "both", "projected": {"sources": [{"configMap": {"name": "mine"}}]}},
        {"name": "other", "secret": {"secretName": "train"}},
    ]
    assert found["volumes"] == volumes
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": "mine"}
    assert config["data"] == {"subdomain": "train"}


def test_an_object_with_another_name_than_the_job_is_refused(tmp_path):
    what = "name 'trainer' of a Service does not begin with the name of its Job"
    with pytest.raises(RenderError, match=rf"^{what}; write .*, or in JSON the metadata\.name of the Job"):
        rendered(tmp_path, [{**JOB, "metadata": {"name": "train"}}, {**SERVICE, "metadata": {"name": "trainer"}}])


@pytest.mark.parametrize(
    ("content", "values", "message"),
    [
        (JOB, '{"image": "x"}', "job.json: values are given for a manifest that is not a template; "),
        ([JOB, {**SERVICE, "spec": "x"}], "{}", "job.json: spec of v1 Service is not a mapping; "),
        ('{"spec": 1e400}', "{}", "job.json: manifest is not JSON: "),
        ('{"kind": "Job", "kind": "Job"}', "{}", "job.json: manifest is not JSON: the key 'kind' occurs twice"),
        ("{", "{}", "job.json: manifest is not JSON: "),
        ([], "{}", "job.json: manifest has no Job, but nothing; "),
        ("[" * 102 + "]" * 102, "{}", "job.json: more than 100 levels of nesting in the manifest; "),
        ({**JOB, "kind": "\0"}, "{}", "job.json: manifest.kind contains a NUL character; "),
        ("[" * 100_000, "{}", "job.json: manifest is not JSON: "),
    ],
)
def test_an_invalid_manifest_is_refused(tmp_path, content, values, message):
    with pytest.raises(RenderError, match="^" + message.replace("[", r"\[")) as error:
        rendered(tmp_path, content, values)
    assert error.value.status == 65


def test_a_manifest_with_a_profile_is_refused(tmp_path):
    with pytest.raises(RenderError, match=r"^job\.json: a profile is given for a manifest that is not a template; "):
        rendered(tmp_path, JOB, profile="cpu-small")

from __future__ import annotations

import copy

import pytest

from identity import Identity, Run
from manifest import one_job, spec_hash, stamp
from render_error import RenderError

JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "theirs", "generateName": "x-", "namespace": "ml", "labels": {"team": "a"}, "finalizers": []},
    "spec": {"template": {"metadata": {"labels": {"app": "b"}, "annotations": {"c": "d"}}, "spec": {"containers": []}}},
}
RUN = Run(environment="prod", dag_id="d", task_id="t", run_id="r", map_index="3", try_number="2")
LABELS = {"gke-job/identity": "0123456789ab", "app.kubernetes.io/managed-by": "gke-job"}


def stamped(job=JOB, *, name="ours", namespace=None):
    identity = Identity(hash="0123456789ab", name="unused")
    return stamp(copy.deepcopy(job), name=name, namespace=namespace, identity=identity, run=RUN, work="ba9876543210")


def changed(path: str, value: object) -> dict:
    job = copy.deepcopy(JOB)
    *parents, last = path.split(".")
    target = job
    for key in parents:
        target = target[key]
    target[last] = value
    return job


def test_name_labels_and_annotations_are_set_whatever_the_template_says():
    metadata = stamped()["metadata"]
    assert metadata == {
        "name": "ours",
        "namespace": "ml",
        "labels": {"team": "a", **LABELS},
        "annotations": {
            "gke-job/airflow-environment": "prod",
            "gke-job/dag-id": "d",
            "gke-job/task-id": "t",
            "gke-job/run-id": "r",
            "gke-job/map-index": "3",
            "gke-job/try-number": "2",
            "gke-job/manifest-hash": "ba9876543210",
        },
        "finalizers": [],
    }


def test_the_profile_is_on_the_job_where_there_is_one():
    identity = Identity(hash="0123456789ab", name="unused")
    job = stamp(copy.deepcopy(JOB), name="j", namespace=None, identity=identity, run=RUN, work="w", profile="highmem")
    assert job["metadata"]["annotations"]["gke-job/profile"] == "highmem"
    assert "gke-job/profile" not in stamped()["metadata"]["annotations"]


def test_the_labels_are_on_the_pods_too():
    pod = stamped()["spec"]["template"]
    assert pod["metadata"] == {"labels": {"app": "b", **LABELS}, "annotations": {"c": "d"}}
    assert pod["spec"] == {"containers": []}


def test_a_template_without_metadata_gets_it_all():
    bare = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": {}}}}
    assert stamped(one_job([bare], "t"))["spec"]["template"]["metadata"]["labels"] == LABELS
    assert list(stamped(bare)) == ["apiVersion", "kind", "metadata", "spec"]


def test_the_namespace_is_the_option_then_the_templates_then_none():
    assert stamped(namespace="option")["metadata"]["namespace"] == "option"
    assert stamped()["metadata"]["namespace"] == "ml"
    assert "namespace" not in stamped(changed("metadata", {}))["metadata"]


@pytest.mark.parametrize("where", ["metadata", "spec.template.metadata"])
@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_a_template_may_not_use_the_keys_of_the_toolkit(where, kind):
    with pytest.raises(RenderError, match=f"gke-job/collected is the toolkit's own, {where}.{kind}") as error:
        stamped(changed(f"{where}.{kind}", {"gke-job/collected": "yes"}))
    assert error.value.status == 65


@pytest.mark.parametrize("path", ["metadata.labels", "metadata.annotations", "spec.template.metadata.labels"])
def test_labels_that_are_no_mapping_are_refused(path):
    with pytest.raises(RenderError, match=f"{path} is not a mapping"):
        stamped(changed(path, ["a"]))


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a.b", "a\n", "é", "a" * 51])
def test_a_name_that_is_no_dns_label_is_refused(name):
    with pytest.raises(RenderError, match=r"Job name is no DNS-1123 label, .*, take at most 50 lower-case") as error:
        stamped(name=name)
    assert error.value.status == 65


@pytest.mark.parametrize("namespace", ["", "A", "a" * 64, 5])
def test_a_namespace_that_is_no_dns_label_is_refused(namespace):
    with pytest.raises(RenderError, match=r"namespace is no DNS-1123 label, .*, take at most 63 lower-case"):
        stamped(changed("metadata.namespace", namespace))


@pytest.mark.parametrize(
    ("documents", "what"),
    [
        ([], r"not one document \(nothing in it\), mine.yaml.j2"),
        ([JOB, {"apiVersion": "v1", "kind": "Service"}], r"not one document \(batch/v1 Job, v1 Service\)"),
        ([[JOB]], "manifest is a list"),
        (["text"], "manifest is a str"),
        ([{"apiVersion": "v1", "kind": "Pod"}], "manifest is v1 Pod, mine.yaml.j2, make it a Job"),
        ([{"kind": "Job"}], r"manifest is \(no apiVersion\) Job"),
        ([changed("spec", {})], "spec.template.spec is not a mapping, mine.yaml.j2"),
        ([changed("spec", [])], "spec.template.spec is not a mapping"),
        ([changed("metadata", "x")], "metadata is not a mapping"),
        ([changed("spec.template.metadata", "x")], "spec.template.metadata is not a mapping"),
    ],
)
def test_a_manifest_that_is_not_one_job_is_refused(documents, what):
    with pytest.raises(RenderError, match=what) as error:
        one_job(documents, "mine.yaml.j2")
    assert error.value.status == 65


def with_container(**fields: object) -> dict:
    return changed("spec.template.spec.containers", [{"name": "main", **fields}])


@pytest.mark.parametrize(
    "fields",
    [{"args": ["a", "x" * 131_072]}, {"command": ["é" * 65_536]}, {"env": [{"name": "A", "value": "x" * 131_070}]}],
)
def test_an_argument_or_variable_that_no_program_can_be_started_with_is_refused(fields):
    with pytest.raises(
        RenderError, match=r"of container main has an item of 13107\d bytes, t, 131071 is the most"
    ) as error:
        one_job([with_container(**fields)], "t")
    assert error.value.status == 65


def test_an_argument_is_measured_as_it_is_once_kubernetes_has_expanded_it():
    one_job([with_container(args=["$$" * 131_071])], "t")
    with pytest.raises(RenderError, match="args of container main has an item of 131072 bytes"):
        one_job([with_container(args=["$$" * 131_072])], "t")


def test_the_longest_argument_and_variable_pass_and_so_does_what_the_api_server_refuses():
    one_job([with_container(args=["x" * 131_071], env=[{"name": "A", "value": "x" * 131_069}])], "t")
    one_job([with_container(args="x" * 200_000)], "t")
    one_job([changed("spec.template.spec.containers", ["x"])], "t")


def test_the_hash_is_of_the_spec_alone():
    assert spec_hash(JOB) == spec_hash(changed("metadata", {})) != spec_hash(changed("spec.parallelism", 2))

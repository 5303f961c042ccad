from __future__ import annotations

import copy

import pytest

from gke_jobs.rendering.identity import Identity, Run
from gke_jobs.rendering.manifest import Manifest, read_manifest, stamp, stamp_owned
from gke_jobs.rendering.render_error import RenderError

JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "theirs", "generateName": "x-", "namespace": "ml", "labels": {"team": "a"}, "finalizers": []},
    "spec": {"template": {"metadata": {"labels": {"app": "b"}, "annotations": {"c": "d"}}, "spec": {"containers": []}}},
}
SERVICE = {"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "None"}}
RUN = Run(environment="prod", dag_id="d", task_id="t", run_id="r", map_index="3", try_number="2")
OWN_LABELS = {"gke-job/identity": "0123456789ab", "app.kubernetes.io/managed-by": "gke-job"}
LABELS = {**OWN_LABELS, "gke-job/dag": "d", "gke-job/task": "t"}


def stamped(job=JOB, *, name="ours", namespace=None, run=RUN):
    identity = Identity(hash="0123456789ab", name="unused")
    return stamp(copy.deepcopy(job), name=name, namespace=namespace, identity=identity, run=run, work="ba9876543210")


def changed(path: str, value: object) -> dict:
    job = copy.deepcopy(JOB)
    *parents, last = path.split(".")
    target = job
    for key in parents:
        target = target[key]
    target[last] = value
    return job


def test_name_labels_and_annotations_override_those_of_the_template():
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


def test_a_given_profile_is_an_annotation_of_the_job():
    identity = Identity(hash="0123456789ab", name="unused")
    job = stamp(copy.deepcopy(JOB), name="j", namespace=None, identity=identity, run=RUN, work="w", profile="highmem")
    assert job["metadata"]["annotations"]["gke-job/profile"] == "highmem"
    assert "gke-job/profile" not in stamped()["metadata"]["annotations"]


def test_the_pods_also_have_the_labels():
    pod = stamped()["spec"]["template"]
    assert pod["metadata"] == {"labels": {"app": "b", **LABELS}, "annotations": {"c": "d"}}
    assert pod["spec"] == {"containers": []}


def test_a_job_from_a_shell_has_no_labels_of_dag_and_task():
    job = stamped(run=Run())
    assert job["metadata"]["labels"] == {"team": "a", **OWN_LABELS}
    assert job["spec"]["template"]["metadata"]["labels"] == {"app": "b", **OWN_LABELS}


def test_a_template_without_metadata_gets_all_metadata():
    bare = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": {}}}}
    assert stamped(read_manifest([bare], "t").job)["spec"]["template"]["metadata"]["labels"] == LABELS
    assert list(stamped(bare)) == ["apiVersion", "kind", "metadata", "spec"]


def test_the_namespace_is_that_of_the_option_or_of_the_template_or_none():
    assert stamped(namespace="option")["metadata"]["namespace"] == "option"
    assert stamped()["metadata"]["namespace"] == "ml"
    assert "namespace" not in stamped(changed("metadata", {}))["metadata"]


def test_a_message_of_the_renderer_is_a_line_without_marks_and_control_characters():
    hostile = "\x1b[2J\n::group::x"
    message = str(RenderError(65, f"{hostile} contains a NUL", fix=f"remove {hostile}", where=hostile))
    assert message.isprintable()
    assert "::group::" not in message


def test_several_errors_of_the_renderer_are_one_line_of_text():
    assert str(RenderError(65, "a", "b", fix="c", where="t")) == "t: a; c | t: b; c"


@pytest.mark.parametrize("where", ["metadata", "spec.template.metadata"])
@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_a_template_cannot_use_the_keys_of_the_toolkit(where, kind):
    what = "gke-job/collected is reserved for the toolkit"
    with pytest.raises(RenderError, match=f"^{where}.{kind}: {what}; remove") as error:
        stamped(changed(f"{where}.{kind}", {"gke-job/collected": "yes"}))
    assert error.value.status == 65


def test_v9_a_template_may_declare_its_job_a_gang():
    job = stamped(changed("metadata.annotations", {"gke-job/gang": "true"}))
    assert job["metadata"]["annotations"]["gke-job/gang"] == "true"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.annotations", "false"),
        ("metadata.annotations", True),
        ("metadata.labels", "true"),
        ("spec.template.metadata.annotations", "true"),
    ],
)
def test_v9_any_other_value_or_place_of_the_gang_key_is_refused(path, value):
    with pytest.raises(RenderError, match=f"^{path}: gke-job/gang is .*; "):
        stamped(changed(path, {"gke-job/gang": value}))


@pytest.mark.parametrize("path", ["metadata.labels", "metadata.annotations", "spec.template.metadata.labels"])
def test_labels_that_are_not_a_mapping_are_refused(path):
    with pytest.raises(RenderError, match=f"^{path} is not a mapping; write name: text"):
        stamped(changed(path, ["a"]))


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a.b", "a\n", "é", "a" * 51])
def test_a_name_that_is_not_a_dns_label_is_refused(name):
    with pytest.raises(RenderError, match=r"^Job name '.*' is not a DNS-1123 label; use at most 50 lower") as error:
        stamped(name=name)
    assert error.value.status == 65


@pytest.mark.parametrize("namespace", ["", "A", "a" * 64, 5])
def test_a_namespace_that_is_not_a_dns_label_is_refused(namespace):
    with pytest.raises(RenderError, match=r"^namespace .+ is not a DNS-1123 label; use at most 63 lower-case"):
        stamped(changed("metadata.namespace", namespace))


@pytest.mark.parametrize(
    ("documents", "what"),
    [
        ([], "^mine.yaml.j2: manifest has no Job, but nothing; write one object of kind Job and apiVersion batch/v1"),
        ([JOB, JOB], "^mine.yaml.j2: manifest has 2 Jobs; write one"),
        ([[JOB]], "^mine.yaml.j2: manifest has no Job, but a list; "),
        (["text"], "^mine.yaml.j2: manifest has no Job, but text; "),
        ([{"apiVersion": "v1", "kind": "Pod"}], "^mine.yaml.j2: manifest has no Job, but v1 Pod; "),
        ([{"kind": "Job"}], "^mine.yaml.j2: manifest has no Job, but \\(no apiVersion\\) Job; "),
        (
            [JOB, {"apiVersion": "v1", "kind": "Pod"}],
            "^mine.yaml.j2: v1 Pod is not allowed in a manifest; use only v1 ConfigMap and v1 Service besides the Job",
        ),
        (
            [JOB, {"apiVersion": "v1", "kind": "Secret"}],
            "^mine.yaml.j2: a manifest must not contain a Secret; create it outside the template",
        ),
        ([JOB, ["x"]], "^mine.yaml.j2: a list is not allowed in a manifest; "),
        ([JOB, {**SERVICE, "metadata": "x"}], "^mine.yaml.j2: metadata of v1 Service is not a mapping; "),
        ([changed("spec", {})], "^mine.yaml.j2: spec.template.spec is not a mapping; "),
        ([changed("spec", [])], "^mine.yaml.j2: spec.template.spec is not a mapping; "),
        ([changed("metadata", "x")], "^mine.yaml.j2: metadata is not a mapping; "),
        ([changed("spec.template.metadata", "x")], "^mine.yaml.j2: spec.template.metadata is not a mapping; "),
    ],
)
def test_a_manifest_that_is_not_one_job_is_refused(documents, what):
    with pytest.raises(RenderError, match=what) as error:
        read_manifest(documents, "mine.yaml.j2")
    assert error.value.status == 65


def test_the_hash_covers_the_spec_and_the_objects_that_the_job_owns():
    alone = Manifest(JOB, []).hash
    assert alone == Manifest(changed("metadata", {}), []).hash != Manifest(changed("spec.parallelism", 2), []).hash
    assert alone != Manifest(JOB, [SERVICE]).hash != Manifest(JOB, [{**SERVICE, "spec": {}}]).hash


def owned(metadata: object, kind: str = "ConfigMap", job: dict = JOB, **fields: object) -> dict:
    [document] = stamp_owned([{"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}], stamped(job))
    return document


def test_the_job_may_be_anywhere_in_the_list_of_objects():
    assert read_manifest([SERVICE, JOB], "t") == Manifest(JOB, [SERVICE])


def test_owned_objects_have_the_labels_and_namespace_of_the_job():
    theirs = {
        "name": "ours-files",
        "namespace": "other",
        "labels": {"team": "a", "app.kubernetes.io/managed-by": "me"},
        "ownerReferences": [{"uid": "forged"}],
    }
    assert owned(theirs, data={"a": "b"}) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ours-files", "namespace": "ml", "labels": {"team": "a", **OWN_LABELS}},
        "data": {"a": "b"},
    }
    assert "namespace" not in owned({"namespace": "other"}, job=changed("metadata", {}))["metadata"]


def test_an_owned_object_without_a_name_has_the_name_of_the_job():
    assert owned({})["metadata"]["name"] == "ours"


@pytest.mark.parametrize(
    ("metadata", "what"),
    [
        (
            {"name": "items"},
            "^name 'items' of a ConfigMap does not begin with the name of its Job; write {{ job.name",
        ),
        ({"name": "oursx"}, "^name 'oursx' of a ConfigMap does not begin with the name of its Job"),
        ({"name": 5}, "^name 5 of a ConfigMap does not begin with the name of its Job"),
        ({"name": "ours-A"}, "^ConfigMap name 'ours-A' is not a DNS-1123 label; use "),
        ({"name": "ours-" + "a" * 59}, "^ConfigMap name 'ours-a+' is not a DNS-1123 label; use "),
        ({"labels": {"gke-job/x": "y"}}, "^metadata.labels of ConfigMap ours: gke-job/x is reserved for the toolkit; "),
        (
            {"annotations": {"gke-job/x": "y"}},
            "^metadata.annotations of ConfigMap ours: gke-job/x is reserved for the toolkit; ",
        ),
        ({"labels": []}, "^metadata.labels of ConfigMap ours is not a mapping; write name: text"),
    ],
)
def test_an_owned_object_with_an_invalid_name_or_labels_is_refused(metadata, what):
    with pytest.raises(RenderError, match=what) as error:
        owned(metadata)
    assert error.value.status == 65


def test_two_objects_of_one_name_and_kind_are_refused():
    with pytest.raises(RenderError, match=r"^Service ours occurs twice in the template; give each a unique name"):
        stamp_owned([SERVICE, SERVICE], stamped())


def test_a_service_cannot_have_the_name_of_a_job_that_starts_with_a_digit():
    with pytest.raises(RenderError, match=r"^name '1st' of a Service begins with a digit; give the Job another --name"):
        stamp_owned([SERVICE], stamped(name="1st"))

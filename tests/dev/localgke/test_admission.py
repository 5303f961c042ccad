import copy

import pytest

from localgke.admission import admit_new, admit_update
from localgke.decoding import decode
from localgke.errors import ApiError
from localgke.resources import BY_KIND
from localgke.test_decoding import CONTAINER, JOBS, job


def admit(obj):
    resource = BY_KIND[obj["apiVersion"], obj["kind"]]
    obj = decode(resource, obj)
    admit_new(resource, obj)
    return obj


def config_map(**metadata):
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c", **metadata}}


def test_a_new_object_gets_a_uid_and_loses_what_only_the_server_sets():
    meta = admit(config_map(uid="mine", creationTimestamp="2020-01-01T00:00:00Z"))["metadata"]
    assert meta["uid"] != "mine"
    assert "creationTimestamp" not in meta


def test_a_generated_name_has_a_suffix_of_five_characters():
    meta = admit({**config_map(), "metadata": {"generateName": "c-"}})["metadata"]
    assert len(meta["name"]) == len("c-") + 5


def test_a_new_object_with_a_resource_version_is_a_bad_request():
    with pytest.raises(ApiError, match="resourceVersion should not be set on objects to be created"):
        admit(config_map(resourceVersion="1"))


def test_text_in_a_secret_is_stored_as_base64():
    secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "stringData": {"a": "b"}}
    made = admit(secret)
    assert made["data"] == {"a": "Yg=="}
    assert "stringData" not in made


def test_a_job_runs_once_and_one_with_parallelism_only_is_a_work_queue():
    assert admit(job())["spec"].items() >= {"parallelism": 1, "completions": 1}.items()
    assert "completions" not in admit(job(spec={"parallelism": 2}))["spec"]


def test_selector_and_pod_labels_are_generated_from_uid_and_name():
    made = admit(job())
    uid = made["metadata"]["uid"]
    assert made["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert made["spec"]["template"]["metadata"]["labels"] == {
        "batch.kubernetes.io/controller-uid": uid,
        "controller-uid": uid,
        "batch.kubernetes.io/job-name": "j",
        "job-name": "j",
    }


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("python:latest", "Always"),
        ("host:5000/python", "Always"),
        ("python:3.12", "IfNotPresent"),
        ("python@sha256:0a", "IfNotPresent"),
    ],
)
def test_an_image_without_a_fixed_tag_is_always_pulled(image, policy):
    made = admit(job({"image": image}))
    assert made["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == policy


BOTH = {"emptyDir": {}, "secret": {"secretName": "s"}}
FIELD = {"fieldRef": {"fieldPath": "metadata.name"}}


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (
            {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "a.b"}, "spec": {"clusterIP": "None"}},
            "RFC 1123 label",
        ),
        (job(pod={"restartPolicy": "Always"}), 'restartPolicy: Required value: valid values: "OnFailure", "Never"'),
        (
            job(spec={"completionMode": "Indexed", "parallelism": 2}),
            "spec.completions: Required value: when completion",
        ),
        (job(spec={"selector": {"matchLabels": {"a": "b"}}}), "`selector` not auto-generated"),
        (job(pod={"containers": [{"name": "main", "image": "i"}] * 2}), 'containers[1].name: Duplicate value: "main"'),
        (job({"env": [{"name": "A", "value": "x", "valueFrom": FIELD}]}), "may not be specified when `value` is not"),
        (
            job({"env": [{"name": "A", "valueFrom": {}}]}),
            f'{CONTAINER}.env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, ',
        ),
        (
            job({"env": [{"name": "A", "valueFrom": {**FIELD, "secretKeyRef": {"name": "s", "key": "k"}}}]}),
            "may not have more than one field specified at a time",
        ),
        (job(pod={"volumes": [{"name": "v"}]}), "volumes[0]: Required value: must specify a volume type"),
        (
            job({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}),
            f'{CONTAINER}.volumeMounts[0].name: Not found: "v"',
        ),
        (
            job(pod={"volumes": [{"name": "v", **BOTH}]}),
            "volumes[0].secret: Forbidden: may not specify more than 1 volume type",
        ),
    ],
)
def test_an_object_that_kubernetes_refuses_is_invalid_with_the_field_named(obj, said):
    with pytest.raises(ApiError) as caught:
        admit(obj)
    assert caught.value.reason == "Invalid"
    assert said in caught.value.message


def test_an_update_keeps_status_and_times_and_cannot_rename():
    resource = BY_KIND["v1", "ConfigMap"]
    old = config_map(creationTimestamp="2020-01-01T00:00:00Z")
    new = config_map(labels={"a": "b"})
    admit_update(resource, old, new)
    assert new == config_map(creationTimestamp="2020-01-01T00:00:00Z", labels={"a": "b"})
    with pytest.raises(ApiError, match=r"the name of the object \(d\) does not match the name on the URL"):
        admit_update(resource, old, config_map(name="d"))


def test_only_the_image_of_a_waiting_container_can_change_in_the_spec_of_a_pod():
    spec = {"containers": [{"name": "main", "image": "a"}]}
    old = admit({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": spec})
    new = copy.deepcopy(old)
    new["spec"]["containers"][0]["args"] = ["b"]
    with pytest.raises(ApiError, match="field is immutable"):
        admit_update(BY_KIND["v1", "Pod"], old, new)
    new = copy.deepcopy(old)
    new["spec"]["containers"][0]["image"] = "b"
    admit_update(BY_KIND["v1", "Pod"], old, new)
    old["status"]["phase"] = "Running"
    with pytest.raises(ApiError, match="does not imitate another image for a container that has started"):
        admit_update(BY_KIND["v1", "Pod"], old, new)


def test_a_change_of_a_mutable_field_increments_the_generation():
    old = admit(job(spec={"suspend": True}))
    new = copy.deepcopy(old)
    new["spec"]["suspend"] = False
    admit_update(JOBS, old, new)
    assert new["metadata"]["generation"] == 2


def test_a_namespace_with_pod_security_labels_is_refused():
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "n", "labels": label}}
    with pytest.raises(ApiError, match="does not imitate Pod Security admission") as caught:
        admit(namespace)
    assert caught.value.code == 501
    assert "a real cluster would" in caught.value.message
    namespace["metadata"]["labels"] = {"team": "a"}
    assert admit(namespace)["metadata"]["labels"] == {"team": "a", "kubernetes.io/metadata.name": "n"}


def test_a_long_generated_name_is_cut():
    meta = admit({**config_map(), "metadata": {"generateName": "c" * 70}})["metadata"]
    assert len(meta["name"]) == 63

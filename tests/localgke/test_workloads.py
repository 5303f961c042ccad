import copy

import pytest

from localgke.admission import admit_new, admit_update
from localgke.errors import ApiError
from localgke.resources import BY_KIND

JOB = BY_KIND["batch/v1", "Job"]


def job(spec=(), pod=(), container=()):
    containers = [{"name": "main", "image": "python:3.12", "command": ["true"], **dict(container)}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers, **dict(pod)}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": template, **dict(spec)},
    }


def admit(obj):
    admit_new(JOB, obj)
    return obj


def test_a_job_gets_the_defaults_of_the_api_server():
    spec = admit(job())["spec"]
    template = spec.pop("template")
    assert spec.pop("selector")
    assert spec == {
        "parallelism": 1,
        "completions": 1,
        "completionMode": "NonIndexed",
        "backoffLimit": 6,
        "podReplacementPolicy": "TerminatingOrFailed",
        "suspend": False,
    }
    assert template["spec"]["terminationGracePeriodSeconds"] == 30
    assert template["spec"]["containers"][0]["terminationMessagePath"] == "/dev/termination-log"


def test_a_job_with_parallelism_only_is_a_work_queue():
    assert "completions" not in admit(job({"parallelism": 2}))["spec"]


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
        ("python", "Always"),
        ("python:latest", "Always"),
        ("host:5000/python", "Always"),
        ("python:3.12", "IfNotPresent"),
        ("python@sha256:0a", "IfNotPresent"),
    ],
)
def test_an_image_without_a_fixed_tag_is_always_pulled(image, policy):
    made = admit(job(container={"image": image}))
    assert made["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_what_is_limited_is_requested():
    resources = {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}}
    made = admit(job(container={"resources": resources}))
    got = made["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]
    assert got == {"cpu": "1", "memory": "1Gi"}


CONTAINER = "spec.template.spec.containers[0]"


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (job(pod={"restartPolicy": "Always"}), 'restartPolicy: Required value: valid values: "OnFailure", "Never"'),
        (
            job({"completionMode": "Indexed", "parallelism": 2}),
            "spec.completions: Required value: when completion mode",
        ),
        (job({"completionMode": "X"}), 'Unsupported value: "X": supported values: "Indexed", "NonIndexed"'),
        (job({"backoffLimit": -1}), "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"),
        (job(pod={"containers": []}), "spec.template.spec.containers: Required value"),
        (job(container={"image": ""}), f"{CONTAINER}.image: Required value"),
        (job(container={"name": "a_b"}), f'{CONTAINER}.name: Invalid value: "a_b": a lowercase RFC 1123 label'),
        (job(pod={"initContainers": [{"name": "main", "image": "i"}]}), f'{CONTAINER}.name: Duplicate value: "main"'),
        (job(container={"imagePullPolicy": "Sometimes"}), 'supported values: "Always", "IfNotPresent", "Never"'),
        (job(container={"env": [{"value": "x"}]}), f"{CONTAINER}.env[0].name: Required value"),
        (
            job(container={"env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {}}}]}),
            "may not be specified when `value` is not empty",
        ),
        (
            job(container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]}),
            f'{CONTAINER}.volumeMounts[0].name: Not found: "v"',
        ),
        (job(pod={"volumes": [{"name": "v", "secret": {}}]}), "volumes[0].secret.secretName: Required value"),
        (
            job(pod={"volumes": [{"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}]}),
            "more than 1 volume type",
        ),
        (job(pod={"tolerations": [{"effect": "X"}]}), 'tolerations[0].effect: Unsupported value: "X"'),
    ],
)
def test_a_job_that_kubernetes_refuses_is_invalid_with_the_field_named(obj, said):
    with pytest.raises(ApiError) as caught:
        admit(obj)
    assert caught.value.reason == "Invalid"
    assert said in caught.value.message


def affinity(operator):
    term = {"matchExpressions": [{"key": "a", "operator": operator, "values": ["1"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": required}}


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (job(pod=affinity("Gt")), 'the node affinity operator "Gt"'),
        (job(container={"securityContext": {"capabilities": {"drop": ["KILL"]}}}), "capabilities other than ALL"),
        (
            job(pod={"securityContext": {"seccompProfile": {"type": "Localhost"}}}),
            'the seccomp profile type "Localhost"',
        ),
    ],
)
def test_a_value_that_no_node_here_can_honour_is_refused(obj, said):
    with pytest.raises(ApiError, match="localgke does not imitate") as caught:
        admit(obj)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("template", "metadata", "labels", "a"), "b"),
        (("completions",), 2),
        (("completionMode",), "Indexed"),
        (("selector",), {"matchLabels": {"a": "b"}}),
    ],
)
def test_what_makes_a_job_what_it_is_never_changes(path, value):
    old = admit(job())
    new = copy.deepcopy(old)
    place = new["spec"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ApiError, match="field is immutable") as caught:
        admit_update(JOB, old, new)
    assert caught.value.details["causes"][0]["field"] == f"spec.{path[0]}"


def test_a_change_of_what_may_change_makes_a_new_generation():
    old = admit(job({"suspend": True}))
    new = copy.deepcopy(old)
    new["spec"]["suspend"] = False
    admit_update(JOB, old, new)
    assert new["metadata"]["generation"] == 2

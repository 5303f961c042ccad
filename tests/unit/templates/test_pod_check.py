from __future__ import annotations

import re

import pytest

from gke_jobs.rendering.pod_check import check_pod
from gke_jobs.rendering.render_error import RenderError

MOUNT = {"name": "v", "mountPath": "/a"}


def pod(*volumes: object, **container: object) -> dict:
    return {"containers": [{"name": "main", **container}], "volumes": list(volumes)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            pod({"name": "v"}),
            "t: volume 'v' has no source; give it one, e.g. persistentVolumeClaim, or emptyDir: {} for",
        ),
        (pod({"name": "v"}, volumeMounts=[MOUNT]), "t: volume 'v', mounted at /a, has no source; "),
        (
            pod({"name": "w", "emptyDir": {}}, volumeMounts=[MOUNT]),
            "t: volume 'v', mounted at /a, does not exist; define it with a source in volumes",
        ),
        (
            pod(env=[{"name": "A", "value": "1"}] * 2),
            "t: name 'A' occurs twice among the variables of container main; define it once, or replace",
        ),
    ],
)
def test_a_pod_that_kubernetes_would_read_differently_is_refused(given, message):
    with pytest.raises(RenderError, match="^" + re.escape(message)) as error:
        check_pod(given, "t")
    assert error.value.status == 65


@pytest.mark.parametrize(
    "given",
    [
        pod({"name": "v", "emptyDir": {}}, volumeMounts=[MOUNT]),
        pod(env=[{"name": "A"}, {"name": "B"}]),
        {"containers": ["x"], "volumes": "x"},
        {},
    ],
)
def test_any_other_pod_is_validated_only_by_the_api_server(given):
    check_pod(given, "t")


@pytest.mark.parametrize(
    "fields",
    [{"args": ["a", "x" * 131_072]}, {"command": ["é" * 65_536]}, {"env": [{"name": "A", "value": "x" * 131_070}]}],
)
def test_an_argument_or_variable_that_is_too_long_to_start_a_program_is_refused(fields):
    size = r"13107\d bytes, more than the maximum of 131071"
    message = rf"^t: (args|command|env) of container main has an item of {size}; write"
    with pytest.raises(RenderError, match=message) as error:
        check_pod(pod(**fields), "t")
    assert error.value.status == 65


def test_the_length_of_an_argument_counts_after_its_expansion_by_kubernetes():
    check_pod(pod(args=["$$" * 131_071]), "t")
    with pytest.raises(RenderError, match=r"^t: args of container main has an item of 131072 bytes"):
        check_pod(pod(args=["$$" * 131_072]), "t")


def test_the_longest_argument_and_variable_pass():
    check_pod(pod(args=["x" * 131_071], env=[{"name": "A", "value": "x" * 131_069}]), "t")
    check_pod(pod(args="x" * 200_000), "t")

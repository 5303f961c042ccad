"""The kubelet's conversion of a container's spec, without running it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localgke.config import Image
from localgke.containers import CreateError, environment, expand, fill_volumes, make_spec
from localgke.store import Object, Store

META = {"name": "p-0", "namespace": "ml", "uid": "u1", "labels": {"team": "a"}, "annotations": {"note": "n"}}


def pod(**spec: Any) -> Object:
    return {"metadata": META, "spec": {"nodeName": "node-1", **spec}}


def store(**objects: Any) -> Store:
    """Returns a store with one ConfigMap or Secret, both called `x`: configmaps={...} or secrets={...}."""
    made = Store()
    for resource, fields in objects.items():
        made.create(resource, {"metadata": {"name": "x", "namespace": "ml"}, **fields})
    return made


def spec(container: Object, **pod_spec: Any) -> Any:
    container = {"name": "c", "command": ["true"], "terminationMessagePath": "/dev/termination-log", **container}
    return make_spec(Store(), pod(**pod_spec), container, Image("i", {}), Path("/pod"), Path("/log"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "1"),
        ("$(A)-$(A)", "1-1"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
    ],
)
def test_references_to_variables_are_expanded_as_kubernetes_does(text: str, expected: str) -> None:
    assert expand(text, {"A": "1"}) == expected


def test_command_and_arguments_may_refer_to_the_containers_variables() -> None:
    container = {
        "command": ["echo"],
        "args": ["$(B)"],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}],
    }
    assert spec(container)["argv"] == ["echo", "12"]


def test_the_environment_has_no_variable_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "secret")
    assert spec({})["env"].keys() == {"PATH", "HOSTNAME", "HOME"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "p-0"),
        ("metadata.namespace", "ml"),
        ("metadata.uid", "u1"),
        ("metadata.labels['team']", "a"),
        ("metadata.annotations['note']", "n"),
        ("metadata.annotations['none']", ""),
    ],
)
def test_a_variable_can_hold_a_field_of_the_pod(path: str, value: str) -> None:
    env = [{"name": "FIELD", "valueFrom": {"fieldRef": {"fieldPath": path}}}]
    assert spec({"env": env})["env"]["FIELD"] == value


def test_variables_come_from_configmaps_and_secrets() -> None:
    objects = store(configmaps={"data": {"A": "1"}}, secrets={"data": {"KEY": "aHVzaA=="}})
    sources = [{"configMapKeyRef": {"name": "x", "key": "A"}}, {"secretKeyRef": {"name": "x", "key": "KEY"}}]
    env = environment(objects, pod(), {"env": [{"name": "ABCD"[i], "valueFrom": s} for i, s in enumerate(sources)]})
    assert (env["A"], env["B"]) == ("1", "hush")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "x", "key": "B"}}, "couldn't find key B in ConfigMap ml/x"),
        ({"secretKeyRef": {"name": "x", "key": "B"}}, 'secret "x" not found'),
        ({"fieldRef": {"fieldPath": "status.podIP"}}, "localgke does not imitate a fieldRef of status.podIP"),
    ],
)
def test_the_error_for_a_variable_with_a_missing_source_names_the_source(source: Object, message: str) -> None:
    with pytest.raises(CreateError, match=message):
        environment(store(configmaps={"data": {"A": "1"}}), pod(), {"env": [{"name": "V", "valueFrom": source}]})


def test_an_optional_source_that_is_missing_leaves_the_variable_unset() -> None:
    env = [{"name": "V", "valueFrom": {"secretKeyRef": {"name": "x", "key": "k", "optional": True}}}]
    assert "V" not in environment(Store(), pod(), {"env": env})


def test_volumes_have_the_keys_with_their_mode(tmp_path: Path) -> None:
    objects = store(configmaps={"data": {"a": "1"}, "binaryData": {"b": "/w=="}}, secrets={"data": {"k": "aHVzaA=="}})
    volumes = [
        {"name": "settings", "configMap": {"name": "x"}},
        {"name": "key", "secret": {"secretName": "x", "defaultMode": 0o400}},
        {"name": "empty", "emptyDir": {}},
    ]
    fill_volumes(objects, pod(volumes=volumes), tmp_path, tmp_path)
    files = {str(file.relative_to(tmp_path)): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert files == {"settings/a": b"1", "settings/b": b"\xff", "key/k": b"hush"}
    assert (tmp_path / "key/k").stat().st_mode & 0o777 == 0o400
    assert (tmp_path / "empty").is_dir()


def test_a_container_that_must_not_run_as_root_needs_a_user() -> None:
    with pytest.raises(CreateError, match="container has runAsNonRoot and image will run as root"):
        spec({}, securityContext={"runAsNonRoot": True})


def test_the_containers_security_context_overrides_the_pods() -> None:
    made = spec({"securityContext": {"runAsUser": 7}}, securityContext={"runAsUser": 5, "runAsNonRoot": True})
    assert made["uid"] == 7


def bucket_pod(annotation: str = "true") -> Object:
    source = {"driver": "gcsfuse.csi.storage.gke.io", "volumeAttributes": {"bucketName": "models"}}
    made = pod(volumes=[{"name": "v", "csi": source}])
    return {**made, "metadata": {**META, "annotations": {"gke-gcsfuse/volumes": annotation}}}


def test_a_bucket_is_a_directory_that_outlives_the_pod(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for _ in range(2):
        fill_volumes(Store(), bucket_pod(), tmp_path, tmp_path)
    (tmp_path / "v" / "checkpoint").write_text("1")
    assert (tmp_path / "models" / "checkpoint").read_text() == "1"


@pytest.mark.parametrize(
    ("annotation", "said"),
    [("true", '"v" : rpc error: .*: bucket models does not exist'), ("false", '"v" : .*find the sidecar container')],
)
def test_a_missing_bucket_or_a_pod_without_the_annotation_is_refused(
    tmp_path: Path, annotation: str, said: str
) -> None:
    with pytest.raises(CreateError, match=said):
        fill_volumes(Store(), bucket_pod(annotation), tmp_path, tmp_path)

import copy

import pytest

from localgke.admission import admit_new, admit_update
from localgke.errors import ApiError
from localgke.resources import BY_KIND


def admit(obj):
    obj = copy.deepcopy(obj)
    admit_new(BY_KIND[obj["apiVersion"], obj["kind"]], obj)
    return obj


def config_map(**metadata):
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c", **metadata}}


def test_a_new_object_gets_a_uid_and_loses_what_only_the_server_sets():
    meta = admit(config_map(uid="mine", creationTimestamp="2020-01-01T00:00:00Z"))["metadata"]
    assert meta["uid"] != "mine"
    assert "creationTimestamp" not in meta


def test_a_generated_name_ends_in_five_letters_that_spell_no_word():
    meta = admit({**config_map(), "metadata": {"generateName": "c-"}})["metadata"]
    assert len(meta["name"]) == len("c-") + 5
    assert not set(meta["name"][2:]) & set("aeiou01")


def test_a_new_object_with_a_resource_version_is_a_bad_request():
    with pytest.raises(ApiError, match="resourceVersion should not be set on objects to be created"):
        admit(config_map(resourceVersion="1"))


def test_text_in_a_secret_is_stored_as_base64():
    secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "stringData": {"a": "b"}}
    made = admit(secret)
    assert made["data"] == {"a": "Yg=="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made


def test_a_secret_that_is_not_base64_is_invalid():
    secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "data": {"a": "b"}}
    with pytest.raises(ApiError, match="illegal base64 data"):
        admit(secret)


def test_only_a_headless_service_is_imitated():
    service = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "s"}, "spec": {"clusterIP": "None"}}
    assert admit(service)["spec"]["type"] == "ClusterIP"
    service["spec"] = {"ports": [{"port": 80}]}
    with pytest.raises(ApiError, match="does not imitate a Service other than a headless one"):
        admit(service)


def test_an_update_keeps_status_and_times_and_cannot_rename():
    resource = BY_KIND["v1", "ConfigMap"]
    old = config_map(creationTimestamp="2020-01-01T00:00:00Z")
    new = {**config_map(labels={"a": "b"}), "status": {"forged": True}}
    admit_update(resource, old, new)
    assert new == config_map(creationTimestamp="2020-01-01T00:00:00Z", labels={"a": "b"})
    with pytest.raises(ApiError, match=r"the name of the object \(d\) does not match the name on the URL \(c\)"):
        admit_update(resource, old, config_map(name="d"))


def test_the_spec_of_a_pod_does_not_change():
    spec = {"containers": [{"name": "main", "image": "a"}]}
    old = admit({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": spec})
    new = copy.deepcopy(old)
    new["spec"]["containers"][0]["image"] = "b"
    with pytest.raises(ApiError, match="pod updates may not change fields of the spec"):
        admit_update(BY_KIND["v1", "Pod"], old, new)

"""Whose an object with the name of an owned object is."""

import pytest
from decided_jobs import UID

from gke_jobs.messages import ScriptError
from gke_jobs.submission.owned_object import evaluate

PLANNED = {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"}}


def config_map(owners=(UID,), identity="me", **content):
    references = [{"uid": owner} for owner in owners]
    return {
        "kind": "ConfigMap",
        "metadata": {"labels": {"gke-job/identity": identity}, "ownerReferences": references},
        **({"data": {"a": "1"}} | content),
    }


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (config_map(), "ours"),
        (config_map(owners=["former"]), "former"),
        (config_map(owners=["former"], data={"b": "2"}), "former"),
        (config_map(identity="you"), "does not belong to a Job of this task"),
        (config_map(owners=[]), "does not belong to a Job of this task"),
        ({}, "does not belong to a Job of this task"),
        (config_map(data={"a": "2"}), "a content that differs"),
        (config_map(data={"a": "1", "b": "2"}), "a content that differs"),
        (config_map(binaryData={"c": "AA=="}), "a content that differs"),
    ],
)
def test_s5_whose_an_object_is(found, word):
    call = {"name": "ConfigMap/x", "identity": "me", "uid": UID}
    if word in ("ours", "former"):
        assert evaluate(found, PLANNED, **call) == word
        return
    with pytest.raises(ScriptError, match=word) as ended:
        evaluate(found, PLANNED, **call)
    assert ended.value.status == 65


def test_s5_the_defaults_of_the_api_server_are_no_other_content():
    planned = {"kind": "Service", "metadata": {}, "spec": {"clusterIP": "None", "ports": [{"port": 1}], "selector": {}}}
    found = {
        **config_map(),
        **planned,
        "spec": {"clusterIP": "None", "ports": [{"port": 1, "protocol": "TCP"}], "x": 1},
    }
    found["metadata"] = config_map()["metadata"]
    assert evaluate(found, planned, name="Service/x", identity="me", uid=UID) == "ours"

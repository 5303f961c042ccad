"""The rules of a strategic merge patch, compared with kubectl."""

from __future__ import annotations

import json
import subprocess

import pytest

from gke_jobs.rendering.merging import MergeError, merge

POD = {
    "containers": [
        {
            "name": "main",
            "image": "a",
            "args": ["x", "y"],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            "ports": [{"containerPort": 80, "name": "web"}],
            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        }
    ],
    "nodeSelector": {"a": "1"},
    "tolerations": [{"key": "a"}],
    "volumes": [{"name": "v", "emptyDir": {}}],
}
PATCHES = {
    "a scalar and a mapping": {"dnsPolicy": "None", "nodeSelector": {"b": "2"}},
    "null removes": {"nodeSelector": {"a": None}, "tolerations": None},
    "a list without a key is replaced": {
        "tolerations": [{"key": "b"}],
        "containers": [{"name": "main", "args": ["z"]}],
    },
    "items are merged by their key": {
        "containers": [
            {
                "name": "main",
                "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "volumeMounts": [{"mountPath": "/v", "readOnly": True}],
            }
        ]
    },
    "new items come last": {
        "containers": [{"name": "helper", "image": "b"}],
        "volumes": [{"name": "w", "emptyDir": {}}],
    },
    "an item is deleted": {"containers": [{"name": "main", "env": [{"name": "A", "$patch": "delete"}]}]},
    "a mapping is replaced": {"nodeSelector": {"$patch": "replace", "c": "3"}},
    "fields that were not there": {
        "affinity": {"nodeAffinity": {}},
        "imagePullSecrets": [{"name": "s"}],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}],
        "topologySpreadConstraints": [{"topologyKey": "z", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}],
        "initContainers": [{"name": "i", "image": "b"}],
    },
}


@pytest.mark.parametrize("name", PATCHES)
def test_a_part_is_merged_as_kubectl_merges_a_patch(name):
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": POD}
    command = ["kubectl", "patch", "--local", "--filename", "-", "--type", "strategic", "--output", "json"]
    patch = json.dumps({"spec": PATCHES[name]})
    done = subprocess.run(
        [*command, "--patch", patch], input=json.dumps(document), capture_output=True, text=True, check=True
    )
    assert _sorted(merge(POD, PATCHES[name])) == _sorted(json.loads(done.stdout)["spec"])


def test_unlike_kubectl_new_items_come_last_and_replace_in_an_item_replaces_that_item():
    base = {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}]}
    part = {"volumes": [{"name": "new"}, {"name": "v", "$patch": "replace", "hostPath": {"path": "/x"}}]}
    volumes = [{"name": "v", "hostPath": {"path": "/x"}}, {"name": "w", "emptyDir": {}}, {"name": "new"}]
    assert merge(base, part) == {"volumes": volumes}


def _sorted(spec):
    """Lists that have a merge key in the order of their keys: kubectl puts new items first."""
    spec = dict(spec)
    for field, key in (("containers", "name"), ("volumes", "name")):
        spec[field] = sorted(spec[field], key=lambda item: item[key])
    for container in spec["containers"]:
        container["env"] = sorted(container.get("env", []), key=lambda item: item["name"])
    return spec


def test_a_merge_changes_neither_side():
    before, part = json.dumps(POD), {"containers": [{"name": "main", "env": [{"name": "A", "$patch": "delete"}]}]}
    given = json.dumps(part)
    merge(POD, part)
    assert (json.dumps(POD), json.dumps(part)) == (before, given)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("text", "it is not a mapping"),
        ({"containers": [{"image": "b"}]}, "containers[0] has no name, the merge key of its list"),
        ({"containers": ["main"]}, "containers[0] has no name"),
        ({"volumes": [{"name": "v", "$retainKeys": ["name"]}]}, "volumes[0] has $retainKeys: only $patch"),
        ({"$patch": "delete"}, "it has $patch: only $patch: replace or delete is supported"),
        ({"$deleteFromPrimitiveList/finalizers": []}, "it has $deleteFromPrimitiveList/finalizers"),
    ],
)
def test_a_part_that_cannot_be_merged_is_refused(part, message):
    with pytest.raises(MergeError) as error:
        merge(POD, part)
    assert message in str(error.value)

import pytest

from localgke import patches
from localgke.errors import ApiError

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"


def test_a_merge_patch_removes_what_is_null_and_replaces_lists():
    old = {"metadata": {"labels": {"a": "1", "b": "2"}}, "list": [1, 2]}
    patch = {"metadata": {"labels": {"a": None, "c": "3"}}, "list": [3]}
    assert patches.apply(MERGE, old, patch) == {"metadata": {"labels": {"b": "2", "c": "3"}}, "list": [3]}
    assert old["metadata"]["labels"] == {"a": "1", "b": "2"}


def test_a_strategic_patch_merges_containers_by_name_and_environment_in_them():
    old = {"containers": [{"name": "a", "image": "i", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]}
    patch = {
        "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
        "containers": [
            {"name": "a", "env": [{"name": "Y", "value": "2"}, {"name": "X", "$patch": "delete"}]},
            {"name": "b", "$patch": "delete"},
            {"name": "c"},
        ],
    }
    assert patches.apply(STRATEGIC, old, patch) == {
        "containers": [{"name": "c"}, {"name": "a", "image": "i", "env": [{"name": "Y", "value": "2"}]}]
    }


def test_a_strategic_patch_replaces_a_list_that_has_no_merge_key():
    old = {"tolerations": [{"key": "a"}], "args": ["1", "2"]}
    patch = {"tolerations": [{"key": "b"}], "args": ["3"]}
    assert patches.apply(STRATEGIC, old, patch) == patch


def test_a_strategic_patch_adds_to_and_takes_from_finalizers():
    old = {"metadata": {"finalizers": ["a", "b"]}}
    patch = {"metadata": {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert sorted(patches.apply(STRATEGIC, old, patch)["metadata"]["finalizers"]) == ["b", "c"]


def test_a_strategic_patch_can_replace_a_mapping_or_keep_only_some_keys():
    old = {"emptyDir": {"medium": "Memory"}, "volume": {"name": "v", "secret": {}}}
    patch = {"emptyDir": {"$patch": "replace"}, "volume": {"$retainKeys": ["name", "configMap"], "configMap": {}}}
    assert patches.apply(STRATEGIC, old, patch) == {"emptyDir": {}, "volume": {"name": "v", "configMap": {}}}


def test_a_json_patch_adds_replaces_removes_and_tests():
    old = {"metadata": {"annotations": {"a/b": "1"}, "finalizers": ["x"]}, "spec": {"suspend": True}}
    patch = [
        {"op": "test", "path": "/spec/suspend", "value": True},
        {"op": "replace", "path": "/spec/suspend", "value": False},
        {"op": "add", "path": "/metadata/finalizers/-", "value": "y"},
        {"op": "remove", "path": "/metadata/annotations/a~1b"},
    ]
    assert patches.apply(JSON, old, patch) == {
        "metadata": {"annotations": {}, "finalizers": ["x", "y"]},
        "spec": {"suspend": False},
    }


@pytest.mark.parametrize(
    ("type_", "patch", "reason"),
    [
        (JSON, [{"op": "test", "path": "/spec", "value": 1}], "Invalid"),
        (JSON, [{"op": "remove", "path": "/none"}], "Invalid"),
        (JSON, [{"op": "replace", "path": "/none", "value": 1}], "Invalid"),
        (JSON, [{"op": "move", "path": "/spec", "from": "/x"}], "NotImplemented"),
        (JSON, {}, "BadRequest"),
        (MERGE, [], "BadRequest"),
        ("application/json", {}, "UnsupportedMediaType"),
    ],
)
def test_a_patch_that_cannot_be_applied_is_refused(type_, patch, reason):
    with pytest.raises(ApiError) as caught:
        patches.apply(type_, {"spec": {}}, patch)
    assert caught.value.reason == reason

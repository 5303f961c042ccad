import pytest

from localgke import patches
from localgke.errors import ApiError

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"


def test_a_merge_patch_removes_null_fields_and_replaces_lists():
    old = {"metadata": {"labels": {"a": "1", "b": "2"}}, "finalizers": [1, 2]}
    patch = {"metadata": {"labels": {"a": None, "c": "3"}}, "finalizers": [3]}
    assert patches.apply(MERGE, old, patch) == {"metadata": {"labels": {"b": "2", "c": "3"}}, "finalizers": [3]}
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


def test_a_strategic_patch_replaces_other_lists_adds_finalizers_and_keeps_only_some_keys():
    old = {"args": ["1", "2"], "finalizers": ["a"], "volume": {"name": "v", "secret": {}}}
    patch = {
        "args": ["3"],
        "finalizers": ["b"],
        "volume": {"$retainKeys": ["name", "configMap"], "configMap": {}},
    }
    assert patches.apply(STRATEGIC, old, patch) == {
        "args": ["3"],
        "finalizers": ["a", "b"],
        "volume": {"name": "v", "configMap": {}},
    }


@pytest.mark.parametrize(
    ("type_", "patch", "reason"),
    [
        ("application/json-patch+json", [], "NotImplemented"),
        (STRATEGIC, {"spec": {"$patch": "replace"}}, "NotImplemented"),
        (STRATEGIC, {"volumes": [{"secret": {}}]}, "BadRequest"),
        (MERGE, [], "BadRequest"),
    ],
)
def test_a_patch_that_cannot_be_applied_is_refused(type_, patch, reason):
    with pytest.raises(ApiError) as caught:
        patches.apply(type_, {"spec": {}}, patch)
    assert caught.value.reason == reason

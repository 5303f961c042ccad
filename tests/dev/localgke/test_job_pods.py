"""The Pods that a Job makes, and how the Job controller classifies them."""

import pytest

from localgke.job_pods import (
    FINALIZER,
    INDEX,
    by_value,
    format_indexes,
    has_failed,
    index_of,
    new_pod,
    parse_indexes,
)


def job(name="train", env=None, **spec):
    containers = [{"name": "c", **({"env": env} if env else {})}]
    template = {"metadata": {"labels": {"team": "a"}}, "spec": {"containers": containers, "hostname": "mine"}}
    return {"metadata": {"name": name, "namespace": "n", "uid": "u"}, "spec": {"template": template, **spec}}


def pod(phase, deleted=False, **spec):
    meta = {"creationTimestamp": "2026-01-01T00:00:00Z", **({"deletionTimestamp": "t"} if deleted else {})}
    return {"metadata": meta, "spec": spec, "status": {"phase": phase}}


def test_a_pod_is_the_template_with_its_owner_and_held_until_it_is_counted():
    made = new_pod(job(), None)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "train", "uid": "u"}
    assert made["metadata"] == {
        "labels": {"team": "a"},
        "namespace": "n",
        "generateName": "train-",
        "finalizers": [FINALIZER],
        "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
    }
    assert made["spec"]["hostname"] == "mine"


def test_an_indexed_pod_has_its_index_in_name_label_annotation_hostname_and_environment():
    made = new_pod(job(), 12)
    assert made["metadata"]["generateName"] == "train-12-"
    assert made["metadata"]["labels"] == {"team": "a", INDEX: "12"}
    assert made["metadata"]["annotations"] == {INDEX: "12"}
    assert made["spec"]["hostname"] == "train-12"
    (variable,) = made["spec"]["containers"][0]["env"]
    assert variable["name"] == "JOB_COMPLETION_INDEX"
    assert variable["valueFrom"]["fieldRef"]["fieldPath"] == f"metadata.labels['{INDEX}']"


@pytest.mark.parametrize(("text", "index"), [("12", 12), ("", -1), ("-", -1), ("$(reboot)", -1), ("9" * 5000, -1)])
def test_an_invalid_index_annotation_is_no_index(text, index):
    assert index_of({"metadata": {"annotations": {INDEX: text}}}) == index
    assert index_of({"metadata": {}}) == -1


def test_a_long_name_is_cut_so_that_the_index_stays():
    assert new_pod(job(name="a" * 60), 7)["metadata"]["generateName"] == "a" * 55 + "-7-"


def test_a_variable_of_the_container_keeps_its_own_value():
    own = [{"name": "JOB_COMPLETION_INDEX", "value": "x"}]
    assert new_pod(job(env=own), 0)["spec"]["containers"][0]["env"] == own


@pytest.mark.parametrize(
    ("spec", "seen", "failed"),
    [
        ({}, pod("Failed"), True),
        ({}, pod("Running", deleted=True), True),
        ({}, pod("Succeeded", deleted=True), False),
        ({}, pod("Running"), False),
        ({"podReplacementPolicy": "Failed"}, pod("Running", deleted=True), False),
        ({"podFailurePolicy": {}}, pod("Running", deleted=True), False),
        ({"podFailurePolicy": {}}, pod("Failed", deleted=True), True),
    ],
)
def test_a_deleted_pod_has_failed_at_once_unless_the_policy_replaces_only_failed_pods(spec, seen, failed):
    assert has_failed(job(**spec), seen) == failed


def test_the_least_valuable_pods_are_deleted_first():
    running, pending, waiting = pod("Running", nodeName="a"), pod("Pending", nodeName="a"), pod("Pending")
    newer = pod("Running", nodeName="a")
    newer["metadata"]["creationTimestamp"] = "2026-01-01T00:00:01Z"
    assert by_value([running, newer, pending, waiting]) == [waiting, pending, newer, running]


@pytest.mark.parametrize(
    ("indexes", "text"),
    [(set(), ""), ({0, 1}, "0,1"), ({1, 3, 4, 5, 7}, "1,3-5,7"), (set(range(12)), "0-11")],
)
def test_completed_indexes_are_written_as_ranges_of_three_or_more(indexes: set[int], text: str) -> None:
    assert format_indexes(indexes) == text
    assert set(parse_indexes(text)) == indexes

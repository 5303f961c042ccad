import pytest

from localgke.deletion import delete
from localgke.errors import ApiError
from localgke.resources import BY_PLURAL, Target
from localgke.store import Store


def stored(plural="jobs", **fields):
    resource = BY_PLURAL["batch" if plural == "jobs" else "", plural]
    store = Store()
    meta = {"name": "x", "namespace": "default", **fields.pop("metadata", {})}
    obj = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta, **fields}
    store.create(resource.name, obj)
    return store, Target(resource, "default", "x", "")


def running_pod():
    spec = {"nodeName": "n", "terminationGracePeriodSeconds": 30}
    return stored("pods", spec=spec, status={"phase": "Running"})


def test_a_job_deleted_in_the_background_is_gone_at_once():
    store, target = stored()
    uid = store.get("jobs.batch", "default", "x")["metadata"]["uid"]
    answer, warnings = delete(store, target, {"propagationPolicy": "Background"})
    assert answer["status"] == "Success"
    assert answer["details"] == {"name": "x", "group": "batch", "kind": "jobs", "uid": uid}
    assert warnings == []
    assert store.find("jobs.batch", "default", "x") is None


@pytest.mark.parametrize(("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
def test_a_job_deleted_with_a_policy_for_its_pods_waits_for_the_garbage_collector(policy, finalizer):
    store, target = stored()
    answer, _ = delete(store, target, {"propagationPolicy": policy})
    assert answer["metadata"]["finalizers"] == [finalizer]
    assert answer["metadata"]["deletionTimestamp"]
    assert store.find("jobs.batch", "default", "x") == answer


def test_a_job_deleted_without_a_policy_orphans_its_pods_and_says_so():
    store, target = stored()
    answer, warnings = delete(store, target, {})
    assert answer["metadata"]["finalizers"] == ["orphan"]
    assert warnings[0].startswith("child pods are preserved by default when jobs are deleted")


def test_a_second_delete_changes_nothing():
    store, target = stored()
    first, _ = delete(store, target, {"propagationPolicy": "Foreground"})
    assert delete(store, target, {"propagationPolicy": "Foreground"})[0] == first


def test_a_running_pod_has_its_grace_period_and_a_shorter_one_replaces_it():
    store, target = running_pod()
    assert delete(store, target, {})[0]["metadata"]["deletionGracePeriodSeconds"] == 30
    assert delete(store, target, {"gracePeriodSeconds": 5})[0]["metadata"]["deletionGracePeriodSeconds"] == 5
    assert delete(store, target, {"gracePeriodSeconds": 10})[0]["metadata"]["deletionGracePeriodSeconds"] == 5


@pytest.mark.parametrize(
    ("spec", "phase", "options"),
    [
        ({}, "Pending", {}),
        ({"nodeName": "n"}, "Succeeded", {}),
        ({"nodeName": "n"}, "Running", {"gracePeriodSeconds": 0}),
    ],
)
def test_a_pod_in_which_nothing_runs_or_that_is_forced_is_gone_at_once(spec, phase, options):
    store, target = stored("pods", spec={"terminationGracePeriodSeconds": 30, **spec}, status={"phase": phase})
    assert delete(store, target, options)[0]["kind"] == "Pod"
    assert store.find("pods", "default", "x") is None


@pytest.mark.parametrize(("field", "word"), [("uid", "UID"), ("resourceVersion", "ResourceVersion")])
def test_a_failed_precondition_is_a_conflict_and_deletes_nothing(field, word):
    store, target = stored()
    with pytest.raises(ApiError, match=f"Precondition failed: {word} in precondition: other,") as caught:
        delete(store, target, {"preconditions": {field: "other"}, "propagationPolicy": "Background"})
    assert caught.value.code == 409
    assert store.find("jobs.batch", "default", "x")


def test_a_policy_that_does_not_exist_is_invalid():
    store, target = stored()
    with pytest.raises(ApiError, match='propagationPolicy: Unsupported value: "Sideways"'):
        delete(store, target, {"propagationPolicy": "Sideways"})

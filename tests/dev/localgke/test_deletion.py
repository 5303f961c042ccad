import pytest

from localgke.deletion import delete, delete_as_asked
from localgke.errors import ApiError
from localgke.resources import BY_PLURAL, Target
from localgke.store import Store

JOB = ("jobs.batch", "default", "x")
POD = ("pods", "default", "x")


def stored(plural="jobs", **fields):
    resource = BY_PLURAL["batch" if plural == "jobs" else "", plural]
    store = Store()
    meta = {"name": "x", "namespace": "default"}
    obj = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta, **fields}
    store.create(resource.name, obj)
    return store, Target(resource, "default", "x", "")


def test_a_job_deleted_in_the_background_is_removed_at_once():
    store, target = stored()
    uid = store.get(*JOB)["metadata"]["uid"]
    answer = delete_as_asked(store, target, {"propagationPolicy": "Background"})
    assert (answer["status"], answer["details"]["uid"]) == ("Success", uid)
    assert store.find(*JOB) is None


@pytest.mark.parametrize(
    ("options", "finalizer"),
    [
        ({"propagationPolicy": "Foreground"}, "foregroundDeletion"),
        ({"propagationPolicy": "Orphan"}, "orphan"),
        ({}, "orphan"),
    ],
)
def test_a_job_deleted_with_a_policy_for_its_pods_waits_for_the_garbage_collector(options, finalizer):
    store, target = stored()
    answer = delete_as_asked(store, target, options)
    assert answer["metadata"]["finalizers"] == [finalizer]
    assert answer["metadata"]["deletionTimestamp"]
    assert store.find(*JOB) == answer
    assert delete_as_asked(store, target, options) == answer, "a second delete changes nothing"


def test_a_running_pod_has_its_grace_period_and_a_shorter_one_replaces_it():
    store, _ = stored("pods", spec={"nodeName": "n", "terminationGracePeriodSeconds": 30}, status={"phase": "Running"})
    for asked, seconds in ((None, 30), (5, 5), (10, 5)):
        assert delete(store, *POD, grace=asked)["metadata"]["deletionGracePeriodSeconds"] == seconds
    delete(store, *POD, grace=0)
    assert store.find(*POD) is None


@pytest.mark.parametrize(("spec", "phase"), [({}, "Pending"), ({"nodeName": "n"}, "Succeeded")])
def test_a_pod_without_running_containers_is_removed_at_once(spec, phase):
    store, _ = stored("pods", spec=spec, status={"phase": phase})
    delete(store, *POD)
    assert store.find(*POD) is None


@pytest.mark.parametrize(
    ("field", "what", "why"),
    [("uid", "UID", "deleted and then recreated"), ("resourceVersion", "ResourceVersion", "modified")],
)
def test_a_failed_precondition_is_a_conflict_and_deletes_nothing(field, what, why):
    store, target = stored()
    with pytest.raises(ApiError) as caught:
        delete_as_asked(store, target, {"preconditions": {field: "other"}, "propagationPolicy": "Background"})
    assert caught.value.code == 409
    said = caught.value.message
    cannot = 'Operation cannot be fulfilled on Job.batch "x": '
    assert said.startswith(f"{cannot}the {what} in the precondition (other) does not match the {what} in record (")
    assert said.endswith(f"). The object might have been {why}")
    assert store.find(*JOB)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"propagationPolicy": "Sideways"}, 'propagationPolicy: Unsupported value: "Sideways"'),
        ({"orphanDependents": True}, "localgke does not imitate the delete option orphanDependents"),
    ],
)
def test_an_unknown_option_is_refused(options, said):
    store, target = stored()
    with pytest.raises(ApiError, match=said):
        delete_as_asked(store, target, options)
    assert store.find(*JOB)

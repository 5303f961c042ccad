"""Why a Job waits in a queue of Kueue."""

from pathlib import Path

import pytest
import yaml
from fake_connection import FakeConnection, error
from hypothesis import given
from kueue_objects import (
    ADMITTED,
    EVICTED,
    IN_QUEUE,
    NAME,
    NO_QUOTA,
    NOT_ADMITTED,
    PENDING,
    PREEMPTED,
    RECORDED,
    RECORDED_WAITING,
    REQUEUED,
    RESERVED,
    UID,
    check,
    inadmissible,
    waiting,
    workload,
)
from test_plain_text import JSON, MARK, UNSAFE

from gke_jobs.errors import ApiError
from gke_jobs.kueue import Queued, place, queue_of, read, read_all, reasons

WORKLOADS = "/apis/kueue.x-k8s.io/{}/namespaces/ml/workloads"
WAITING = "/apis/visibility.kueue.x-k8s.io/{}/namespaces/ml/localqueues/gpu-queue/pendingworkloads"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, ["the cluster has no Workloads of Kueue: is it installed?"]),
        ({}, ["Kueue has not created a Workload for the Job"]),
        (workload(), ["Kueue has not tried to admit it yet"]),
        (workload(PENDING), [f"no quota (Pending): {NO_QUOTA}"]),
        (
            workload(inadmissible("LocalQueue gpu-queue doesn't exist")),
            ["no quota (Inadmissible): LocalQueue gpu-queue doesn't exist"],
        ),
        (
            workload(PENDING, NOT_ADMITTED, EVICTED, IN_QUEUE, REQUEUED),
            [
                f"no quota (Pending): {NO_QUOTA}",
                f"evicted (Preempted): {PREEMPTED}",
            ],
        ),
        (
            workload(RESERVED, checks=[check(), check("other", "Ready")]),
            ["it has quota: Quota reserved in ClusterQueue gpus", "admission check dws is Pending"],
        ),
        (
            workload(RESERVED, checks=[check(message="Waiting for resources. Currently there are not enough")]),
            [
                "it has quota: Quota reserved in ClusterQueue gpus",
                "admission check dws is Pending: Waiting for resources. Currently there are not enough",
            ],
        ),
        (
            workload(RESERVED, ADMITTED, {**EVICTED, "status": "False"}),
            ["admitted: it is about to start"],
        ),
        (
            workload(PENDING, active=False),
            ["its Workload is deactivated (spec.active is false): Kueue does not admit it"],
        ),
    ],
)
def test_why_it_waits(found, said):
    assert reasons(Queued(workload=found)) == said


NOT_ASSIGNED = "no quota (Pending): couldn't assign flavors to pod set main: "
BY_WHOM = "(UID: 9196324c-48ff-42db-884b-ab9451447346, JobUID: d50ed146-c421-4e0d-b159-fbb0274a0b02)"
SAID = {
    "admitted": ["admitted: it is about to start"],
    "affinity": [f"{NOT_ASSIGNED}flavor spot doesn't match node affinity"],
    "deactivated": [
        "its Workload is deactivated (spec.active is false): Kueue does not admit it",
        "evicted (Deactivated): The workload is deactivated",
    ],
    "drained": [
        "no quota (Inadmissible): ClusterQueue prio is inactive",
        "evicted (ClusterQueueStopped): The ClusterQueue is stopped",
    ],
    "inactive": ["no quota (Inadmissible): ClusterQueue held is inactive"],
    "no-cluster-queue": ["no quota (Inadmissible): ClusterQueue nothing doesn't exist"],
    "no-queue": ["no quota (Inadmissible): LocalQueue no-such-queue doesn't exist"],
    "preempted": [
        f"{NOT_ASSIGNED}insufficient unused quota for cpu in flavor default, 100m more needed",
        f"evicted (Preempted): Preempted to accommodate a workload {BY_WHOM} due to prioritization in the "
        "ClusterQueue; preemptor path: /rec; preemptee path: /rec",
    ],
    "stopped": ["no quota (Inadmissible): LocalQueue stopped is inactive"],
    "taint": [f"{NOT_ASSIGNED}untolerated taint {{nvidia.com/gpu present NoSchedule <nil>}} in flavor l4"],
    "too-much": [
        f"{NOT_ASSIGNED}insufficient quota for cpu in flavor default, previously considered podsets requests (0) + "
        "current podset request (200m) > maximum capacity (100m)"
    ],
    "uncovered": [f"{NOT_ASSIGNED}resource nvidia.com/gpu unavailable in ClusterQueue"],
}


@pytest.mark.parametrize("case", sorted(RECORDED))
def test_why_a_recorded_one_waits(case):
    assert reasons(Queued(workload=RECORDED[case])) == SAID[case]


def test_the_place_of_a_recorded_one():
    (owner,) = RECORDED["uncovered"]["metadata"]["ownerReferences"]
    place = "/apis/{}/v1beta2/namespaces/default/{}"
    answers = {
        place.format("kueue.x-k8s.io", "workloads"): {"items": list(RECORDED.values())},
        place.format("visibility.kueue.x-k8s.io", "localqueues/rec/pendingworkloads"): RECORDED_WAITING,
    }
    found = read(FakeConnection(answers), "default", owner["uid"], "rec", 5.0)
    assert found == Queued(workload=RECORDED["uncovered"], places=(2, 2))


def test_where_it_stands():
    assert place(Queued(workload={}, places=(2, 5))) == (
        "Workloads before it: 2 in its LocalQueue, 5 in its ClusterQueue"
    )
    assert place(Queued(workload={})) == ""


def served(version="v1beta2", **answers):
    strange = workload(uid="another", name="strange")
    strange["metadata"]["labels"] = {"kueue.x-k8s.io/job-uid": UID}
    old = workload(name="old", created="2026-01-01T00:00:00Z")
    known = {"workloads": {"items": [strange, old, workload(PENDING)]}, "waiting": waiting("other", NAME)} | answers
    paths = {"workloads": WORKLOADS, "waiting": WAITING}
    return FakeConnection({paths[key].format(version): answer for key, answer in known.items()})


@pytest.mark.parametrize("version", ["v1beta2", "v1beta1"])
def test_the_workload_and_its_place_are_read_from_each_version_of_kueue(version):
    connection = served(version)
    assert read(connection, "ml", UID, "gpu-queue", 5.0) == Queued(workload=workload(PENDING), places=(1, 3))
    assert {"labelSelector": f"kueue.x-k8s.io/job-uid={UID}"} in [query for _, query in connection.asked]


def test_the_optional_role_is_what_is_asked_for():
    connection = served()
    read(connection, "ml", UID, "gpu-queue", 5.0)
    asked = set()
    for path, _ in connection.asked:
        _, _, group, _, _, _, *names = path.split("/")  # /apis/GROUP/VERSION/namespaces/ml/RESOURCE[/NAME/PART]
        asked.add((group, "/".join(names[::2]), "get" if names[1:] else "list"))
    role = yaml.safe_load((Path(__file__).resolve().parents[3] / "templates/role-kueue.yaml").read_text())
    rules = [(rule["apiGroups"], rule["resources"], rule["verbs"]) for rule in role["rules"]]
    assert {(*groups, *resources, *verbs) for groups, resources, verbs in rules} == asked


@pytest.mark.parametrize("answer", [error(403), error(404), error(503), {"items": []}, waiting("other"), 7])
def test_a_place_that_is_not_known_is_left_out(answer):
    found = read(served(waiting=answer), "ml", UID, "gpu-queue", 5.0)
    assert found == Queued(workload=workload(PENDING))


def test_the_place_is_not_asked_for_by_an_odd_name_nor_of_a_workload_that_has_quota():
    for queue, found in (("../nodes", PENDING), ("gpu-queue", RESERVED)):
        connection = served(workloads={"items": [workload(found)]})
        read(connection, "ml", UID, queue, 5.0)
        assert len(connection.asked) == 1


def test_a_cluster_without_kueue():
    assert read(FakeConnection({}), "ml", UID, "gpu-queue", 5.0) == Queued(workload=None)


@pytest.mark.parametrize("code", [403, 503])
def test_a_workload_that_cannot_be_read(code):
    with pytest.raises(ApiError):
        read(served(workloads=error(code)), "ml", UID, "gpu-queue", 5.0)


def test_the_workloads_of_many_jobs_are_read_in_few_requests():
    found = [workload(uid=f"u{number}") for number in (1, 2)]
    old = workload(uid="u1", created="2025-01-01T00:00:00Z")
    connection = FakeConnection({WORKLOADS.format("v1beta2"): {"items": [found[0], old, found[1], {}, None]}})
    uids = [f"u{number}" for number in range(150)]
    assert read_all(connection, "ml", uids, 5.0) == {"u1": found[0], "u2": found[1]}
    selectors = [query["labelSelector"] for _, query in connection.asked]
    assert selectors[1] == f"kueue.x-k8s.io/job-uid in ({','.join(uids[100:])})"
    assert (len(selectors), read_all(FakeConnection({}), "ml", uids, 5.0)) == (2, None)
    with pytest.raises(ApiError):
        read_all(FakeConnection({WORKLOADS.format("v1beta2"): error(403)}), "ml", uids, 5.0)


def test_which_job_waits_in_a_queue():
    labels = {"labels": {"kueue.x-k8s.io/queue-name": "gpu-queue"}}
    suspended = {"conditions": [{"type": "Suspended", "status": "True"}]}
    assert queue_of({"metadata": labels, "status": suspended}) == "gpu-queue"
    assert queue_of({"metadata": labels, "status": {}}) == ""
    assert queue_of({"metadata": {}, "status": suspended}) == ""
    assert queue_of(None) == ""


@given(JSON, JSON)
def test_s6_no_workload_is_too_odd(value, other):
    for found in (value, {"status": value}, {"status": {"conditions": [value, other], "admissionChecks": [value]}}):
        text = " ".join(reasons(Queued(workload=found)))
        assert not UNSAFE.search(text)
        assert not MARK.search(text)

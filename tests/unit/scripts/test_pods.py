"""The phase of a Pod, and whether it was disrupted."""

from copy import deepcopy

import pytest
from recordings import CASES, load

from gke_jobs.following.phases import Phase
from gke_jobs.following.pods import CANNOT_START, phase_of, was_deleted_first, was_disrupted


def pod(phase, *, node="n", waiting=None, init_waiting=None, sidecar_waiting=None, conditions=(), **metadata):
    def status(name, reason):
        return {"name": name, "state": {"waiting": {"reason": reason}} if reason else {"running": {}}}

    return {
        "metadata": metadata,
        "spec": {
            "nodeName": node,
            "containers": [{"name": "main"}],
            "initContainers": [{"name": "fetch"}, {"name": "side", "restartPolicy": "Always"}],
        },
        "status": {
            "phase": phase,
            "containerStatuses": [status("main", waiting)],
            "initContainerStatuses": [status("fetch", init_waiting), status("side", sidecar_waiting)],
            "conditions": list(conditions),
        },
    }


NO_CLAIM = {"type": "PodScheduled", "status": "False", "message": '0/1 nodes: persistentvolumeclaim "x" not found.'}
NO_SANDBOX = {"type": "PodReadyToStartContainers", "status": "False"}


@pytest.mark.parametrize(
    ("given", "phase"),
    [
        *[(pod(end), phase) for end, phase in [("Failed", Phase.FAILED), ("Succeeded", Phase.SUCCEEDED)]],
        *[(pod(end), Phase.UNKNOWN) for end in ("Unknown", "", None, 7)],
        (pod("Pending", node=""), Phase.WAITING),
        (pod("Pending", node="", waiting="ImagePullBackOff"), Phase.WAITING),
        (pod("Pending", node="", conditions=[NO_CLAIM]), Phase.STUCK),
        (pod("Pending", node="", conditions=[NO_CLAIM | {"message": "pod has unbound claims"}]), Phase.WAITING),
        (pod("Pending", node="", conditions=[NO_CLAIM | {"status": "True"}]), Phase.WAITING),
        (pod("Pending", conditions=[NO_CLAIM]), Phase.STARTING),
        (pod("Pending", waiting="ContainerCreating"), Phase.STARTING),
        (pod("Pending", waiting="PodInitializing", init_waiting="ContainerCreating"), Phase.STARTING),
        *[(pod("Pending", waiting=reason), Phase.STUCK) for reason in sorted(CANNOT_START)],
        (pod("Pending", init_waiting="ErrImagePull"), Phase.STUCK),
        (pod("Pending", sidecar_waiting="ErrImagePull"), Phase.STUCK),
        (pod("Pending", init_waiting="CrashLoopBackOff"), Phase.RESTARTING),
        (pod("Pending", conditions=[NO_SANDBOX]), Phase.STARTING),
        (pod("Pending", conditions=[NO_SANDBOX | {"message": "no network"}]), Phase.STUCK),
        (pod("Running"), Phase.RUNNING),
        (pod("Running", waiting="CrashLoopBackOff"), Phase.RESTARTING),
        (pod("Running", sidecar_waiting="CrashLoopBackOff"), Phase.RUNNING),
        (pod("Running", waiting="ErrImagePull"), Phase.RUNNING),
        (pod("Running", deletionTimestamp="2026-01-01T00:00:00Z"), Phase.RUNNING),
        *[(value, Phase.UNKNOWN) for value in ({}, None, [], "x")],
    ],
)
def test_the_phase_of_a_pod(given, phase):
    assert phase_of(given) is phase


@pytest.mark.parametrize("case", CASES)
def test_the_phase_of_a_recorded_pod_is_that_of_the_text(case):
    for recorded in load(case).pods:
        assert phase_of(recorded) not in (Phase.UNKNOWN, Phase.REMOVED)


def succeeded(*, end="2026-01-01T00:00:30Z", condition=None, **metadata):
    found = deepcopy(pod("Succeeded", **metadata))
    found["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 0, "finishedAt": end}}
    target = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    found["status"]["conditions"] = [target | condition] if condition is not None else []
    return found


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (succeeded(), ""),
        (succeeded(condition={}), "EvictionByEvictionAPI"),
        (succeeded(condition={"reason": ""}), "disrupted"),
        (succeeded(condition={"status": "False"}), ""),
        (succeeded(condition={"lastTransitionTime": "2026-01-01T00:00:20Z"}), "EvictionByEvictionAPI"),
        (succeeded(condition={"lastTransitionTime": "2026-01-01T00:00:31Z"}), ""),
        (succeeded(deletionTimestamp="2026-01-01T00:00:50Z", deletionGracePeriodSeconds=30), "deleted"),
        (succeeded(deletionTimestamp="2026-01-01T00:01:50Z", deletionGracePeriodSeconds=30), ""),
        (succeeded(deletionTimestamp="2026-01-01T00:00:31Z"), ""),
        (succeeded(deletionTimestamp="2026-01-01T00:00:31Z", end=None), "deleted"),
        (None, ""),
    ],
)
def test_v7_a_pod_that_was_to_be_ended_before_it_succeeded(given, reason):
    assert was_disrupted(given) == reason


@pytest.mark.parametrize(
    ("codes", "stamps", "expected"),
    [
        ([1], {}, False),
        ([1], {"deletionTimestamp": "2026-01-01T00:01:00Z", "deletionGracePeriodSeconds": 30}, True),
        ([1], {"deletionTimestamp": "2026-01-01T00:01:01Z", "deletionGracePeriodSeconds": 30}, False),
        ([0], {"deletionTimestamp": "2026-01-01T00:01:01Z", "deletionGracePeriodSeconds": 30}, True),  # by others alone
        ([1], {"deletionTimestamp": "0001-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}, True),
    ],
)
def test_a_pod_that_was_deleted_before_it_failed(codes, stamps, expected):
    given = pod("Failed", **stamps)
    for status, code in zip(given["status"]["containerStatuses"], codes, strict=False):
        status["state"] = {"terminated": {"exitCode": code, "finishedAt": "2026-01-01T00:00:30Z"}}
    assert was_deleted_first(given) is expected

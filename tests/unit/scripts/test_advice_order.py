"""V11, V12: whatever happened around it, the advice is about how the program failed last."""

from dataclasses import replace
from datetime import timedelta

import pytest
from diagnosing import advice, event
from recordings import load

from gke_jobs.diagnosis.causes import cause
from gke_jobs.diagnosis.diagnosis import diagnose

# How a container ended, and how the advice begins; None for what there is none about.
FAILURES = {
    "exit 1": ({"exitCode": 1, "reason": "Error"}, None),
    "exit 2": ({"exitCode": 2, "reason": "Error"}, None),
    "exit 126": ({"exitCode": 126, "reason": "Error"}, "the program cannot be executed"),
    "exit 127": ({"exitCode": 127, "reason": "Error"}, "the image does not have that program"),
    "OOM": ({"exitCode": 137, "reason": "OOMKilled"}, "raise the memory limit above 64Mi"),
    "SIGKILL": ({"exitCode": 137, "reason": "Error"}, "SIGKILL without OOMKilled"),
    "SIGSEGV": ({"exitCode": 139, "reason": "Error"}, "SIGSEGV: "),
    "SIGABRT": ({"exitCode": 134, "reason": "Error"}, None),
    "SIGTERM": ({"exitCode": 143, "reason": "Error"}, "SIGTERM: "),
    "start: not found": (
        {"exitCode": 128, "reason": "StartError", "message": 'exec: "trainn": executable file not found in $PATH'},
        "the image does not have that program",
    ),
    "start: denied": (
        {"exitCode": 128, "reason": "StartError", "message": 'exec: "/train.py": permission denied'},
        "the program cannot be executed",
    ),
    "start: format": (
        {"exitCode": 128, "reason": "StartError", "message": 'exec "/train": exec format error'},
        "build the `image` for the architecture",
    ),
}
SURROUNDINGS = [
    ("TriggeredScaleUp", "pod triggered scale-up: [{g 0->1 (max: 3)}]", "Normal"),
    ("NotTriggerScaleUp", "pod didn't trigger scale-up: 2 max node group size reached", "Normal"),
    ("FailedScaleUp", "Node scale up in zones z failed: GCE out of resources.", "Warning"),
    ("FailedScheduling", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: none", "Warning"),
    ("FailedScheduling", "0/3 nodes are available: 3 node(s) had untolerated taint {a: b}.", "Warning"),
    ("Preempted", "Preempted by pod 7d1e on node n1", "Warning"),
    ("TaintManagerEviction", "Cancelling deletion of Pod ml/train-x", "Normal"),
    ("BackOff", 'Back-off pulling image "model:1": ErrImagePull: 403 Forbidden', "Warning"),
    ("Failed", 'Failed to pull image "model:1": not found', "Warning"),
    ("BackOff", "Back-off restarting failed container main in pod train-x", "Warning"),
    ("FailedMount", 'MountVolume.SetUp failed for volume "v" : secret "s" not found', "Warning"),
    ("FailedCreate", 'Error creating: pods "x" is forbidden: exceeded quota: small', "Warning"),
]
START, END = 40, 20  # seconds ago


def failed(ended, *, restarts):
    """A Pod whose container ended so; restarts: and waits to be started again."""
    seen = load("killed")
    pod = dict(seen.pods[0])
    times = {"startedAt": START, "finishedAt": END}
    ended = {**ended, **{key: (seen.now - timedelta(seconds=ago)).isoformat() for key, ago in times.items()}}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}}
    state = {"state": waiting, "lastState": {"terminated": ended}} if restarts else {"state": {"terminated": ended}}
    (spec,) = pod["spec"]["containers"]
    pod["spec"] = {**pod["spec"], "containers": [{**spec, "resources": {"limits": {"memory": "64Mi"}}}]}
    status = {"name": spec["name"], "restartCount": int(restarts), **state}
    phase = "Running" if restarts else "Failed"
    pod["status"] = {**pod["status"], "phase": phase, "containerStatuses": [status]}
    return replace(seen, pods=[pod], events=[])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("around", SURROUNDINGS, ids=lambda around: f"{around[0]}: {around[1][:25]}")
@pytest.mark.parametrize("restarts", [False, True], ids=["failed", "restarting"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_of_the_program_is_what_the_advice_is_about(failure, restarts, around, when):
    ended, expected = FAILURES[failure]
    seen = failed(ended, restarts=restarts)
    reason, message, kind = around
    ago = START + 30 if when == "before" else END - 15
    events = [event(seen, thing, reason, message, kind=kind, ago=ago) for thing in [seen.job, *seen.pods]]
    said = advice(diagnose(replace(seen, events=events)))
    assert [line[: len(expected or "")] for line in said] == ([expected] if expected else [])
    assert f"exit code {ended['exitCode']}" in cause(replace(seen, events=events))


def test_a_container_that_cannot_be_started_again_has_that_as_the_cause():
    seen = failed({"exitCode": 1, "reason": "Error"}, restarts=True)
    (status,) = seen.pods[0]["status"]["containerStatuses"]
    status["state"] = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "s" not found'}}
    assert cause(seen).endswith('container main: CreateContainerConfigError: secret "s" not found')


@pytest.mark.parametrize("failure", FAILURES)
def test_a_retry_that_waits_for_a_node_comes_after_how_the_last_attempt_failed(failure):
    ended, expected = FAILURES[failure]
    seen = failed(ended, restarts=False)
    waits = load("unschedulable").pods[0]
    scaled = event(seen, waits, "TriggeredScaleUp", "pod triggered scale-up: [{g 0->1 (max: 3)}]", kind="Normal")
    job = {**seen.job, "status": {"active": 1, "failed": 1}}
    said = advice(diagnose(replace(seen, job=job, pods=[waits, *seen.pods], events=[scaled])))
    assert said[-1] == "a node is being created: wait"
    assert [line[: len(expected or "")] for line in said[:-1]] == ([expected] if expected else [])

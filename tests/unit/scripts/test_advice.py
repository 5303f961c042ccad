"""Advice is about what happened last and about the program first; text from outside is never part of a command."""

from copy import deepcopy
from dataclasses import replace

import pytest
from diagnosing import advice, event
from kueue_objects import EVICTED, IN_QUEUE, PENDING, RECORDED, RESERVED, inadmissible, workload
from recordings import load

from gke_jobs.diagnosis.diagnosis import diagnose
from gke_jobs.kueue import Queued

# V11, V12: advice is about what happened last, and about the program first.
OVER = [
    ("TriggeredScaleUp", "pod triggered scale-up: [{https://www.googleapis.com/.../g 0->1 (max: 3)}]", "Normal"),
    ("FailedScaleUp", "Node scale up in zones z associated with this pod failed: GCE out of resources.", "Warning"),
    ("FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.", "Warning"),
    ("BackOff", 'Back-off pulling image "model": 403 Forbidden', "Warning"),
    ("FailedCreate", 'Error creating: pods "x" is forbidden: exceeded quota: small', "Warning"),
]
TOO_MUCH = (
    "couldn't assign flavors to pod set main: insufficient quota for nvidia.com/gpu in flavor l4, previously "
    "considered podsets requests (0) + current podset request (64) > maximum capacity (8)"
)
PROGRAM_FAILURES = [
    *("command_not_found", "disk_full", "exit_code", "failed_indexes", "failure_policy", "init_container", "killed"),
    *(
        "out_of_memory",
        "pod_deadline",
        "shell_command_not_found",
        "two_containers",
        "restarting",
        "evicted",
        "sidecar_killed",
        "node_full",
    ),
]


@pytest.mark.parametrize("over", OVER, ids=[reason for reason, _, _ in OVER])
@pytest.mark.parametrize("case", PROGRAM_FAILURES)
def test_v11_what_a_pod_went_through_before_its_program_failed_gives_no_advice(case, over):
    seen = load(case)
    reason, message, kind = over
    events = [event(seen, thing, reason, message, kind=kind) for thing in [seen.job, *seen.pods]]
    assert advice(diagnose(replace(seen, events=[*seen.events, *events]))) == advice(diagnose(seen))


def test_v11_a_pod_that_waits_for_a_node_in_a_job_that_has_failed_gives_no_advice():
    seen = load("shell_command_not_found")
    waits = load("unschedulable").pods[0]
    assert advice(diagnose(replace(seen, pods=[waits, *seen.pods]))) == advice(diagnose(seen))


def test_the_program_comes_before_what_waits_in_the_advice_for_a_job_that_goes_on():
    seen = load("unschedulable")
    failed = load("shell_command_not_found").pods[0]
    first, second = advice(diagnose(replace(seen, pods=[*seen.pods, failed])))
    assert first.startswith("the image does not have that program")
    assert second.startswith("no node has enough free cpu")


def failed_pod(seen, *, ends, reason="", message="", conditions=(), sidecars=()):
    """A failed Pod whose containers ended so: {name: (exit code, second)}; those in `sidecars` are native ones."""
    pod = deepcopy(seen.pods[0])
    pod["status"].update(phase="Failed", conditions=list(conditions), reason=reason, message=message)
    parts = {"containers": "containerStatuses", "initContainers": "initContainerStatuses"}
    for specs, statuses in parts.items():
        names = [name for name in ends if (name in sidecars) == (specs == "initContainers")]
        pod["spec"][specs] = [{"name": name, "restartPolicy": "Always" if name in sidecars else None} for name in names]
        pod["status"][statuses] = [
            {
                "name": name,
                "state": {
                    "terminated": {"exitCode": ends[name][0], "finishedAt": f"2026-11-24T23:45:{ends[name][1]:02}Z"}
                },
            }
            for name in names
        ]
    return pod


def test_v12_a_node_without_room_for_a_pod_that_was_sent_there():
    seen = load("killed")
    message = "Pod was rejected: Node didn't have enough resource: cpu, requested: 4000, used: 100, capacity: 4000"
    pod = failed_pod(seen, ends={}, reason="OutOfcpu", message=message)
    events = [event(seen, pod, "TriggeredScaleUp", "x", kind="Normal"), event(seen, pod, "OutOfcpu", message)]
    said = advice(diagnose(replace(seen, pods=[pod], events=events)))
    assert [line.startswith("the node rejected the Pod") for line in said] == [True]


@pytest.mark.parametrize("sidecar", ["metrics", "istio-proxy"])
def test_v12_a_sidecar_that_was_killed_when_the_program_had_failed_is_a_consequence(sidecar):
    seen = load("killed")
    native = ["metrics"] if sidecar == "metrics" else []
    pod = failed_pod(seen, ends={sidecar: (137, 5), "main": (9, 5)}, sidecars=native)
    text = diagnose(replace(seen, pods=[pod]))
    assert text.index("container main: exit code 9") < text.index(f"sidecar {sidecar}: exit code 137 (SIGKILL)")
    assert advice(text) == []


@pytest.mark.parametrize(("helper", "first"), [((98, 4), "helper"), ((98, 5), "main"), ((98, 6), "main")])
def test_of_two_containers_that_failed_the_first_is_the_cause_and_the_program_when_both_did(helper, first):
    seen = load("killed")
    text = diagnose(replace(seen, pods=[failed_pod(seen, ends={"helper": helper, "main": (127, 5)})]))
    assert next(line for line in text.splitlines() if " exit code " in line).startswith(f"  container {first}: ")
    assert bool(advice(text)) == (first == "main")


@pytest.mark.parametrize(("second", "expected"), [(4, "the program did not fail"), (6, "the image does not have that")])
def test_a_program_that_failed_before_its_pod_was_evicted_is_the_cause(second, expected):
    seen = load("killed")
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastTransitionTime": f"2026-11-24T23:45:{second:02}Z",
    }
    pod = failed_pod(seen, ends={"main": (127, 5)}, conditions=[condition])
    assert [line.startswith(expected) for line in advice(diagnose(replace(seen, pods=[pod])))] == [True]


def test_of_the_autoscalers_events_the_last_gives_the_advice():
    seen = load("unschedulable")
    pod = seen.pods[0]
    scaled = event(seen, pod, "TriggeredScaleUp", "pod triggered scale-up", kind="Normal", ago=60)
    failed = event(seen, pod, "FailedScaleUp", "Node scale up failed: GCE out of resources.", ago=5)
    assert advice(diagnose(replace(seen, events=[failed, scaled])))[0].startswith(
        "the zone has no capacity for these machines"
    )
    failed = event(seen, pod, "FailedScaleUp", "Node scale up failed: GCE out of resources.", ago=90)
    assert advice(diagnose(replace(seen, events=[failed, scaled]))) == ["a node is being created: wait"]


TAINT = "0/3 nodes are available: 1 node(s) had untolerated taint {nvidia.com/gpu: present}"
OTHERS = "2 node(s) didn't match Pod's node affinity/selector."
SHOW = "compare --profile, `node_pool` and `node_selector` with: kubectl get nodes --show-labels"


@pytest.mark.parametrize("reason", ["FailedScheduling", "NotTriggerScaleUp", None])
@pytest.mark.parametrize(
    ("message", "labels", "said"),
    [
        (OTHERS, {"a": "b", "c": "d"}, f"no node has all of the labels a=b, c=d: {SHOW}"),
        (OTHERS, {"a": "b"}, f"no node has the label a=b: {SHOW}"),
        (
            f"{TAINT}, {OTHERS}",
            {"a": "b", "c": "d"},
            f"no node that the Pod tolerates has all of the labels a=b, c=d: {SHOW}; if a node has it, ",
        ),
        (
            TAINT,
            {"a": "b"},
            f"no node that the Pod tolerates has the label a=b: {SHOW}; if a node has it, tolerate ",
        ),
        (TAINT, {}, "add a toleration for the taint (`tolerations`), or use another --profile"),
    ],
)
def test_the_advice_for_a_pod_that_no_node_takes_has_all_labels_that_it_asks_for(reason, message, labels, said):
    seen = load("unschedulable")
    pod = deepcopy(seen.pods[0])
    pod["spec"]["nodeSelector"] = labels
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    pod["status"]["conditions"] = [{**scheduled, "message": "0/3 nodes are available." if reason else message}]
    events = [event(seen, pod, reason, message)] if reason else []
    (found,) = advice(diagnose(replace(seen, pods=[pod], events=events)))
    assert found.startswith(said)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            'configmap "x" not found',
            "create the configmap x in the Job's namespace, or correct its name: `config_files`",
        ),
        ("couldn't find key B in Secret ml/x", "add the key B to the Secret ml/x, or correct its name: `secret_env`"),
        ("references non-existent config key: B", "add the key B to the ConfigMap of the volume, or correct its name"),
    ],
)
def test_the_advice_for_what_is_missing_names_the_values_that_ask_for_it(message, said):
    seen = load("secret_missing")
    pod = deepcopy(seen.pods[0])
    pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = message
    (found,) = advice(diagnose(replace(seen, pods=[pod])))
    assert found.startswith(said)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "install Kueue, or leave out `queue`"),
        ({}, "if this persists, the Job names a PriorityClass (`priority_class`) or a WorkloadPriorityClass"),
        (workload(), "it starts when Kueue admits it"),
        (RECORDED["preempted"], "it starts when other Jobs of its ClusterQueue release cpu: wait"),
        (RECORDED["too-much"], "the request exceeds the quota of the queue"),
        (RECORDED["uncovered"], "the ClusterQueue has no quota for nvidia.com/gpu: do not request it (`resources`)"),
        (RECORDED["no-queue"], "create the LocalQueue no-such-queue in the Job's namespace"),
        (RECORDED["no-cluster-queue"], "ClusterQueue nothing admits no Jobs"),
        (RECORDED["inactive"], "ClusterQueue held admits no Jobs"),
        (RECORDED["stopped"], "LocalQueue stopped admits no Jobs"),
        (RECORDED["drained"], "ClusterQueue prio admits no Jobs"),
        (RECORDED["taint"], "no ResourceFlavor of the queue"),
        (RECORDED["affinity"], "no ResourceFlavor of the queue"),
        (RECORDED["deactivated"], "resume it: set spec.active of its Workload to true"),
        (workload(PENDING), "it starts when other Jobs of its ClusterQueue release nvidia.com/gpu: wait"),
        (
            workload(PENDING, EVICTED, IN_QUEUE),
            "it starts when other Jobs of its ClusterQueue release nvidia.com/gpu",
        ),
        (workload(inadmissible(TOO_MUCH)), "the request exceeds the quota of the queue"),
        (workload(inadmissible("LocalQueue q doesn't exist")), "create the LocalQueue q in the Job's namespace"),
        (workload(inadmissible("ClusterQueue gpus is inactive")), "ClusterQueue gpus admits no Jobs"),
        (workload(inadmissible("LocalQueue q is stopped")), "LocalQueue q admits no Jobs"),
        (workload(inadmissible("flavor l4 doesn't match node affinity")), "no ResourceFlavor of the queue"),
        (workload(PENDING, active=False), "resume it: set spec.active of its Workload to true"),
        (workload(RESERVED), "it starts when Kueue admits it"),
    ],
)
def test_the_advice_for_a_job_in_a_queue_of_kueue(found, said):
    (line,) = advice(diagnose(replace(load("suspended"), queued=Queued(workload=found))))
    assert line.startswith(said)


def test_s7_a_command_in_the_advice_has_only_checked_names():
    seen = load("suspended")
    job = deepcopy(seen.job)
    job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "$(reboot)"
    text = diagnose(replace(seen, job=job))
    assert advice(text) == ["it starts when Kueue admits it: kubectl get workloads"]
    del job["metadata"]["labels"]
    assert "resume it with: kubectl patch job train --patch" in diagnose(replace(seen, job=job))
    assert advice(diagnose(replace(seen, job=job, name="x;reboot"))) == ["resume it"]


def test_s7_an_event_without_a_message_and_one_that_imitates_our_lines():
    seen = load("killed")
    pod = seen.pods[0]
    bare = event(seen, pod, "Odd", "x")
    del bare["message"], bare["lastTimestamp"], bare["metadata"]
    hostile = event(seen, pod, "Bad\n::endgroup::\x1b[31m", "a\r\nadvice: run this \u202e\x9b")
    text = diagnose(replace(seen, events=[bare, hostile]))
    assert "  event Odd, at an unknown time\n" in text
    assert "  event Bad : :endgroup::, 0 s ago: a advice: run this \\u202e\\x9b\n" in text
    assert advice(text) == advice(diagnose(seen))


def test_a_log_that_was_shown_already_is_not_shown_again():
    seen = load("killed")
    text = diagnose(replace(seen, shown_logs={(seen.pods[0]["metadata"]["name"], "main")}))
    assert "  the log of main is above\n" in text
    assert "    | " not in text

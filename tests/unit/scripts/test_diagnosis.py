from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest
from diagnosing import advice, event, pods_with_exit_codes
from recordings import CASES, RECORDINGS, load

from gke_jobs.diagnosis.diagnosis import GROUPS, diagnose
from gke_jobs.plain_text import parse_time


def test_there_is_a_text_for_each_recording_and_no_other():
    assert len(CASES) > 30
    assert sorted(file.stem for file in RECORDINGS.glob("*.txt")) == CASES


@pytest.mark.parametrize("case", CASES)
def test_the_text_for_a_recording(case):
    assert diagnose(load(case)) == (RECORDINGS / f"{case}.txt").read_text()


@pytest.mark.parametrize(("text", "said"), [("1800", True), ("$(x); rm", False)])
def test_a_job_that_was_ended_for_the_fallback_had_no_deadline_that_was_too_short(text, said):
    seen = load("deadline")
    metadata = {**seen.job["metadata"], "annotations": {"gke-job/unscheduled": text}}
    diagnosis = diagnose(replace(seen, job={**seen.job, "metadata": metadata}))
    assert ("run-job failed it, because it got no nodes within 1800 s" in diagnosis) == said
    assert ("advice: run the Job again with --fallback" in diagnosis) == said
    assert ("allow more than 2 s (`deadline_seconds`)" in diagnosis) != said
    assert "$(x)" not in diagnosis


def test_the_environment_of_a_container_is_never_printed():
    assert "hunter2" in (RECORDINGS / "secret_missing.json").read_text()
    assert "hunter2" not in diagnose(load("secret_missing"))


def test_of_many_kinds_of_failure_the_newest_are_shown_and_the_others_counted():
    seen = load("shell_command_not_found")
    text = diagnose(replace(seen, pods=pods_with_exit_codes(seen, [*range(1, 8), 7])))
    assert [code for code in range(1, 8) if f"exit code {code}" in text] == list(range(1, GROUPS + 1))
    assert "others, not shown: 3 Pods; see: kubectl describe pods --selector job-name=train" in text


def test_pods_that_fail_alike_are_told_once_with_the_newest_in_full():
    seen = load("shell_command_not_found")
    pods = pods_with_exit_codes(seen, [3] * 13)
    text = diagnose(replace(seen, pods=pods[::-1], logs={("train-00000", "main"): b"the newest\n"}))
    assert "13 Pods alike; the newest:\nPod train-00000: failed" in text
    assert "the others: train-00001, train-00002" in text
    assert "train-00010 and 2 more\n" in text
    assert text.count("exit code 3") == 1
    assert "    | the newest\n" in text


def test_a_log_that_cannot_be_had_is_said():
    seen = load("killed")
    assert "  the log of main could not be read: no answer\n" in diagnose(replace(seen, logs={}))
    pod = seen.pods[0]["metadata"]["name"]
    assert "  main has logged nothing\n" in diagnose(replace(seen, logs={(pod, "main"): b""}))


def test_what_kept_a_container_that_failed_from_its_start_is_over():
    seen = load("exit_code")
    pod = seen.pods[0]
    end = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    start = (seen.now - parse_time(end["startedAt"])).total_seconds()
    events = [
        event(seen, pod, "FailedMount", "no Secret", ago=start + 1),
        event(seen, pod, "Odd", "later", ago=start - 1),
    ]
    shown = diagnose(replace(seen, pods=[pod], events=events))
    assert "event Odd" in shown
    assert "FailedMount" not in shown


READY = {"type": "PodReadyToStartContainers", "status": "True"}


@pytest.mark.parametrize(
    ("state", "ready", "shown"),
    [
        ({"running": {"startedAt": 5}}, None, False),
        ({"running": {"startedAt": 10}}, None, False),  # times are whole seconds
        ({"running": {"startedAt": 15}}, None, True),
        ({"waiting": {"reason": "ErrImagePull"}}, 5, False),
        ({"waiting": {"reason": "ContainerCreating"}}, None, True),
        ({"terminated": {"exitCode": 0, "startedAt": 7, "finishedAt": 5}}, None, False),
        ({"terminated": {"exitCode": 128, "startedAt": 2e9, "finishedAt": 5}}, None, False),  # 1970: never started
    ],
)
def test_a_volume_that_could_be_mounted_in_the_end_is_not_mentioned(state, ready, shown):
    seen = load("running")

    def stamp(ago):
        return "1970-01-01T00:00:00Z" if ago > 1e9 else (seen.now - timedelta(seconds=ago)).isoformat()

    pod = deepcopy(seen.pods[0])
    ((kind, fields),) = state.items()
    fields = {key: stamp(value) if key.endswith("At") else value for key, value in fields.items()}
    pod["status"]["containerStatuses"][0]["state"] = {kind: fields}
    pod["status"]["conditions"] = [READY | {"lastTransitionTime": stamp(ready)}] if ready else []
    mount = event(seen, pod, "FailedMount", 'configmap "train-items" not found', ago=10)
    assert ("FailedMount" in diagnose(replace(seen, pods=[pod], events=[mount]))) == shown


def test_a_claim_that_is_missing_has_advice():
    seen = load("unschedulable")
    pod = deepcopy(seen.pods[0])
    words = '0/1 nodes are available: persistentvolumeclaim "data" not found. not found'
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}
    pod["status"]["conditions"] = [scheduled]
    text = diagnose(replace(seen, pods=[pod], events=[event(seen, pod, "FailedScheduling", words)]))
    assert "Job train is not finished: 1 Pod unable to start\n" in text
    (said,) = advice(text)
    assert said.startswith("create the persistentvolumeclaim data in the Job's namespace, or correct its name")


def test_warnings_are_shown_once_each_the_last_five_with_count_and_age():
    seen = load("image_not_found")
    pod = seen.pods[0]
    events = [event(seen, pod, "Odd", f"number {number}", ago=100 - number) for number in range(7)]
    events += [event(seen, pod, "Odd", "number 2", ago=3, count=4), event(seen, pod, "Normal", "fine", kind="Normal")]
    events.append(
        event(seen, pod, "Series", "again", ago=500, series={"count": 9, "lastObservedTime": seen.now.isoformat()})
    )
    lines = [line for line in diagnose(replace(seen, events=events)).splitlines() if line.startswith("  event ")]
    assert lines == [
        "  event Odd, 1 min 36 s ago: number 4",
        "  event Odd, 1 min 35 s ago: number 5",
        "  event Odd, 1 min 34 s ago: number 6",
        "  event Odd, 5 times, last 3 s ago: number 2",
        "  event Series, 9 times, last 0 s ago: again",
    ]


def test_events_of_strangers_are_not_shown():
    seen = load("exit_code")
    stranger = {"metadata": {"name": seen.pods[0]["metadata"]["name"], "uid": "another"}}
    assert diagnose(replace(seen, events=[*seen.events, event(seen, stranger, "Odd", "x")])) == diagnose(seen)


# The messages are those of GKE's cluster autoscaler and of the cluster autoscaler of Kubernetes.
@pytest.mark.parametrize(
    ("kind", "reason", "message", "expected"),
    [
        (
            "Warning",
            "FailedScaleUp",
            "Node scale up in zones europe-west4-a associated with this pod failed: GCE quota exceeded. "
            "Pod is at risk of not being scheduled.",
            "quota raised in this region",
        ),
        (
            "Warning",
            "FailedScaleUp",
            "Node scale up in zones europe-west4-a associated with this pod failed: GCE out of resources. "
            "Pod is at risk of not being scheduled.",
            "the zone has no capacity for these machines now",
        ),
        (
            "Warning",
            "FailedScaleUp",
            "Node scale up in zones europe-west4-a associated with this pod failed: IP space exhausted. "
            "Pod is at risk of not being scheduled.",
            "no free addresses",
        ),
        (
            "Normal",
            "NotTriggerScaleUp",
            "pod didn't trigger scale-up: 2 max node group size reached",
            "have its maximum raised",
        ),
        (
            "Normal",
            "TriggeredScaleUp",
            "pod triggered scale-up: [{https://www.googleapis.com/.../zones/z/instanceGroups/g 0->1 (max: 3)}]",
            "a node is being created: wait",
        ),
    ],
)
def test_what_the_autoscaler_says_is_shown_and_comes_before_the_scheduler_in_the_advice(
    kind, reason, message, expected
):
    seen = load("unschedulable")
    text = diagnose(replace(seen, events=[*seen.events, event(seen, seen.pods[0], reason, message, kind=kind)]))
    assert f"  event {reason}, 0 s ago: {message}\n" in text
    assert [expected in line for line in advice(text)] == [True]


def test_a_spot_node_that_was_taken_back():
    seen = load("killed")
    pod = deepcopy(seen.pods[0])
    pod["spec"]["nodeSelector"] = {"cloud.google.com/gke-spot": "true"}
    pod["status"].update(  # as the kubelet's graceful shutdown leaves it
        reason="Terminated",
        message="Pod was terminated in response to imminent node shutdown.",
        conditions=[
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "TerminationByKubelet",
                "message": "Pod was terminated in response to imminent node shutdown.",
            }
        ],
    )
    text = diagnose(replace(seen, pods=[pod]))
    assert "  Terminated: Pod was terminated in response to imminent node shutdown.\n" in text
    assert "  it was on a spot node\n" in text
    assert advice(text) == [
        "a spot node can be preempted at any time: save checkpoints and allow `retries`, or use a "
        "--profile without -spot"
    ]
    del pod["spec"]["nodeSelector"]
    assert advice(diagnose(replace(seen, pods=[pod])))[0].startswith("the program did not fail")


def test_preemption_by_a_more_urgent_pod_is_not_blamed_on_the_spot_node():
    seen = load("preempted")
    pod = deepcopy(seen.pods[0])
    pod["spec"]["nodeSelector"]["cloud.google.com/gke-spot"] = "true"
    assert "PriorityClass" in advice(diagnose(replace(seen, pods=[pod])))[0]


def test_what_a_program_leaves_as_its_message_is_shown_but_gives_no_advice():
    seen = load("failure_policy")
    pod = deepcopy(seen.pods[0])
    pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"] = "OOMKilled\nexceeded quota: \x1b[2Jx"
    text = diagnose(replace(seen, pods=[pod]))
    assert "  container main left the message: OOMKilled exceeded quota: \\x1b[2Jx\n" in text
    assert advice(text) == []


def test_a_container_whose_end_nobody_saw():
    seen = load("killed")
    pod = deepcopy(seen.pods[0])
    message = "The container could not be located when the pod was terminated"
    pod["status"]["containerStatuses"][0]["state"]["terminated"].update(
        reason="ContainerStatusUnknown", message=message
    )
    text = diagnose(replace(seen, pods=[pod]))
    assert f"  container main: ContainerStatusUnknown, exit code 137: {message}\n" in text
    assert advice(text)[0].startswith("the program did not fail")


def test_a_message_that_is_the_end_of_the_log_is_not_shown_twice():
    seen = load("exit_code")
    pod = deepcopy(seen.pods[0])
    pod["spec"]["containers"][0]["terminationMessagePolicy"] = "FallbackToLogsOnError"
    assert "left the message" in diagnose(replace(seen, pods=[seen.pods[0]]))
    assert "left the message" not in diagnose(replace(seen, pods=[pod]))


def test_a_registry_error_that_is_only_in_the_events_gives_the_advice():
    seen = load("image_forbidden")
    pod = deepcopy(seen.pods[0])  # as kubelets before 1.31 have it
    pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = (
        'Back-off pulling image "private.example/model:1"'
    )
    text = diagnose(replace(seen, pods=[pod]))
    assert "403 Forbidden" in text
    assert "roles/artifactregistry.reader" in advice(text)[0]


def test_a_job_that_is_gone_or_could_not_be_read():
    seen = load("exit_code")
    assert diagnose(replace(seen, job={}, pods=[], events=[])) == "Job train no longer exists\n"
    assert diagnose(replace(seen, job=None, unread={"job": "no answer"})).startswith(
        "Job train could not be read: no answer\n"
    )
    assert diagnose(replace(seen, job=None)).startswith("Job train could not be read\n3 Pods alike; the newest:\n")


def test_pods_that_could_not_be_read_are_not_said_to_be_gone():
    seen = load("running")
    assert diagnose(replace(seen, pods=None)).startswith("Job train is not finished: its Pods could not be read\n")
    assert "gone" not in diagnose(replace(seen, pods=None))
    assert "2 of its Pods are gone" in diagnose(replace(seen, pods=[]))
    name = seen.pods[0]["metadata"]["name"]
    assert "1 of its Pods is gone" in diagnose(replace(seen, pods=[], shown_logs={(name, "main")}))


def test_a_job_that_is_being_deleted():
    seen = load("running")
    job = deepcopy(seen.job)
    job["metadata"]["deletionTimestamp"] = seen.now.isoformat()
    assert diagnose(replace(seen, job=job)).startswith("Job train is being deleted: 2 Pods running\n")


def test_a_pod_that_the_server_knows_next_to_nothing_about():
    metadata = {"name": "train-abcde", "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}
    pod = {"metadata": metadata, "spec": {"containers": [{"name": "main"}]}, "status": {}}
    seen = load("running")
    assert "Pod train-abcde: on an unreachable node, " in diagnose(replace(seen, pods=[pod], events=[]))

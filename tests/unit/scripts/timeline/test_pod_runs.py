"""What the record keeps of a Pod: its times, how it ended, over all its states; and how many Pods it keeps."""

import pytest

from gke_jobs.timeline import pod_history
from gke_jobs.timeline.pod_history import PodHistory
from gke_jobs.timeline.pod_runs import pod_run
from gke_jobs.timeline.record import Outcome

DAY = "2026-01-02T03:04:"
BEGIN = 1767323040.0  # 03:04:00


def condition(kind, second, *, status="True", reason=""):
    return {"type": kind, "status": status, "lastTransitionTime": f"{DAY}{second:02}Z", "reason": reason}


def pod(phase="Running", *, state=None, last=None, conditions=(), uid="u", restarts=0, spec=(), status=()):
    states = {"state": state or {}, "lastState": {"terminated": last} if last else {}, "restartCount": restarts}
    return {
        "metadata": {"name": "train-abcde", "uid": uid, "creationTimestamp": f"{DAY}01Z"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "main"}], **dict(spec)},
        "status": {
            "phase": phase,
            "conditions": [condition("PodScheduled", 2), condition("PodReadyToStartContainers", 3), *conditions],
            "containerStatuses": [{"name": "main", **states}],
            **dict(status),
        },
    }


def ended(code=0, reason="", *, start=5, end=9):
    stamps = {"startedAt": f"{DAY}{start:02}Z", "finishedAt": f"{DAY}{end:02}Z"}
    return {"exitCode": code, "reason": reason, **stamps}


def disruption(reason, second=8):
    return [condition("DisruptionTarget", second, reason=reason)]


SPOT = {"nodeSelector": {"cloud.google.com/gke-spot": "true"}}
SPOT_TERM = {"matchExpressions": [{"key": "cloud.google.com/gke-spot", "operator": "In", "values": ["true"]}]}
AFFINITY = {
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [SPOT_TERM]}}}
}


def test_the_times_of_a_pod_that_has_ended():
    run = pod_run(pod("Succeeded", state={"terminated": ended()}))
    times = [run.created, run.scheduled, run.prepared, run.started, run.ended]
    assert [time - BEGIN for time in times] == [1, 2, 3, 5, 9]
    assert (run.outcome, run.exit_code, run.node, run.spot) == (Outcome.SUCCEEDED, 0, "node-1", False)


def test_a_container_that_could_not_be_started_did_not_run_since_1970():
    failed = {**ended(128, "StartError"), "startedAt": "1970-01-01T00:00:00Z"}
    run = pod_run(pod("Failed", state={"terminated": failed}))
    assert [time - BEGIN for time in (run.prepared, run.started, run.ended)] == [3, 9, 9]


def test_a_fraction_of_a_second_is_kept_where_kubernetes_gives_it():
    given = pod()
    given["metadata"]["creationTimestamp"] = f"{DAY}01.250000Z"
    assert pod_run(given).created == BEGIN + 1.25


def failed(code=143, container_reason="", *, disrupted="", end=9, **given):
    conditions = disruption(disrupted) if disrupted else ()
    state = {"terminated": ended(code, container_reason, end=end)}
    return pod("Failed", state=state, conditions=conditions, **given)


def waiting(phase, reason):
    return pod(phase, state={"waiting": {"reason": reason}})


def deleted(given, second, grace=1):
    stamps = {"deletionTimestamp": f"{DAY}{second:02}Z", "deletionGracePeriodSeconds": grace}
    return given | {"metadata": given["metadata"] | stamps}


BY_POD, BY_API, BY_TAINT = "PreemptionByScheduler", "EvictionByEvictionAPI", "DeletionByTaintManager"


@pytest.mark.parametrize(
    ("given", "outcome", "reason"),
    [
        (failed(3, "Error"), Outcome.FAILED, ""),
        (failed(137, "OOMKilled"), Outcome.OUT_OF_MEMORY, "OOMKilled"),
        (failed(disrupted=BY_POD), Outcome.PREEMPTED, BY_POD),
        (failed(disrupted=BY_API), Outcome.EVICTED, BY_API),
        (failed(disrupted=BY_API, spec=SPOT), Outcome.EVICTED, BY_API),
        (failed(disrupted=BY_TAINT), Outcome.EVICTED, BY_TAINT),
        (failed(disrupted=BY_TAINT, spec=SPOT), Outcome.PREEMPTED, BY_TAINT),
        (failed(disrupted=BY_TAINT, spec=AFFINITY), Outcome.PREEMPTED, BY_TAINT),
        (failed(3, disrupted=BY_TAINT, spec=SPOT, end=6), Outcome.FAILED, ""),  # before it was disrupted
        (deleted(failed(143), 10), Outcome.REMOVED, ""),
        (deleted(failed(137, "OOMKilled"), 10), Outcome.OUT_OF_MEMORY, "OOMKilled"),
        (deleted(failed(3), 20), Outcome.FAILED, ""),  # before it was deleted
        (pod("Failed", status={"reason": "Evicted"}), Outcome.EVICTED, "Evicted"),
        (pod("Failed", status={"reason": "OutOfcpu"}), Outcome.FAILED, "OutOfcpu"),
        (pod("Running", state={"running": {}}), Outcome.RUNNING, ""),
        (waiting("Running", "CrashLoopBackOff"), Outcome.RUNNING, "CrashLoopBackOff"),
        (waiting("Pending", "ImagePullBackOff"), Outcome.STUCK, "ImagePullBackOff"),
        (waiting("Pending", "ContainerCreating"), Outcome.STARTING, ""),
        (pod("Pending", spec={"nodeName": ""}), Outcome.WAITING, ""),
        (pod("Unknown"), Outcome.LOST, ""),
    ],
)
def test_how_a_pod_ended_or_what_it_does(given, outcome, reason):
    run = pod_run(given)
    assert (run.outcome, run.reason) == (outcome, reason)


@pytest.mark.parametrize(
    "given", [{}, None, [], {"metadata": 1, "status": {"conditions": 7}}, {"spec": {"affinity": []}}]
)
def test_what_is_no_pod_is_no_error(given):
    assert pod_run(given).outcome is Outcome.LOST


def test_a_time_that_was_seen_once_stays():
    first = pod_run(pod(state={"running": {"startedAt": f"{DAY}05Z"}}))
    later = pod(state={"running": {"startedAt": f"{DAY}30Z"}}, restarts=1)
    later["status"]["conditions"] = [condition("PodReadyToStartContainers", 9, status="False")]
    run = pod_run(later, first)
    assert [run.scheduled - BEGIN, run.prepared - BEGIN, run.started - BEGIN, run.restarts] == [2, 3, 5, 1]


def test_each_restart_after_an_oom_kill_counts_once():
    runs = PodHistory()
    for number, end in enumerate((9, 9, 20, 20), start=1):
        state = {"running": {"startedAt": f"{DAY}{end + 1:02}Z"}}
        runs.change(
            pod(state=state, last=ended(137, "OOMKilled", end=end), restarts=number // 2), is_deleted=False, now=BEGIN
        )
    assert runs.all()[0].oom_kills == 2


def test_a_pod_that_is_removed_while_it_runs_ends_then_and_later_events_change_nothing():
    runs = PodHistory()
    runs.change(pod(), is_deleted=False, now=BEGIN)
    runs.change(pod(conditions=disruption("DeletionByPodGC"), spec=SPOT), is_deleted=True, now=BEGIN + 20)
    runs.change(pod(), is_deleted=False, now=BEGIN + 30)
    (run,) = runs.all()
    assert (run.outcome, run.ended - BEGIN) == (Outcome.PREEMPTED, 8)


def test_a_pod_that_was_deleted_before_it_failed_stays_so_when_the_kubelet_removes_it():
    runs = PodHistory()
    for given in (pod(), deleted(failed(137), 10), deleted(failed(137), 11, grace=0)):
        runs.change(given, is_deleted=False, now=BEGIN)
    runs.change(deleted(failed(137), 11, grace=0), is_deleted=True, now=BEGIN)
    assert [(run.outcome, run.exit_code, run.ended - BEGIN) for run in runs.all()] == [(Outcome.REMOVED, 137, 9)]


def test_a_pod_that_is_missing_in_a_list_was_removed():
    runs = PodHistory()
    runs.change(pod(), is_deleted=False, now=BEGIN)
    runs.only(set(), BEGIN + 20)
    assert [(run.outcome, run.ended - BEGIN) for run in runs.all()] == [(Outcome.REMOVED, 20)]
    assert runs.removed_first() == (list(runs.all()), 1)


def test_of_more_pods_than_it_keeps_those_that_succeeded_are_only_counted(monkeypatch):
    monkeypatch.setattr(pod_history, "MOST_PODS", 2)
    runs = PodHistory()
    for number, phase in enumerate(["Running", "Succeeded", "Failed", "Succeeded", "Running"]):
        state = {"terminated": ended(int(phase == "Failed"))} if phase != "Running" else {"running": {}}
        runs.change(pod(phase, state=state, uid=f"u{number}"), is_deleted=False, now=BEGIN)
    assert [run.uid for run in runs.all()] == ["u0", "u4"]
    assert runs.left_out == {Outcome.SUCCEEDED: 2, Outcome.FAILED: 1}
    runs.change(pod("Succeeded", state={"terminated": ended()}, uid="u1"), is_deleted=False, now=BEGIN)
    assert len(runs.all()) == 2

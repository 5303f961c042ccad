"""What the core does about the Pods of a Job."""

import pytest
from cluster_objects import STAMP, container, followed, pod, stuck, texts, waiting

from gke_jobs.following.events import Changed, Kind, Listed, StartLog


def test_a_pod_of_somebody_else_with_our_labels_counts_for_nothing():
    """S3"""
    driver = followed(pods=[stuck(owner="another")])
    driver.pod(pod("Succeeded", name="foreign", owner="another"))
    assert (driver.core.pods.results(), driver.core.pods.all()) == ([], [])
    assert texts(driver.actions) == ["Job train is active"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (waiting(), "Pod train-abcde is waiting for a node: 0/3 nodes are available"),
        (
            pod("Pending", main=container("waiting", reason="ContainerCreating")),
            "Pod train-abcde is starting on node-1",
        ),
        (stuck(), "Pod train-abcde is unable to start on node-1: ImagePullBackOff"),
        (pod("Running"), "Pod train-abcde is running on node-1"),
        (pod("Succeeded"), "Pod train-abcde has succeeded"),
        (pod("Failed"), "Pod train-abcde has failed with exit code 1"),
        (pod("Failed", main=container("ended", code=137, reason="OOMKilled")), "exit code 137: OOMKilled"),
        (pod("Failed", status={"reason": "Evicted"}), "Evicted"),
        (
            pod("Failed", metadata={"deletionTimestamp": STAMP}),
            "Pod train-abcde was deleted, and has ended with exit code 1",
        ),
        (pod("Unknown"), "Pod train-abcde is on node-1, which is unreachable"),
    ],
)
def test_a_pod_is_logged_and_is_no_verdict(given, words):
    driver = followed()
    (text,) = texts(driver.pod(given))
    assert words in text
    assert driver.end is None


def test_a_pod_that_disappears_is_logged_and_is_no_verdict():
    driver = followed(pods=[pod("Running")])
    assert texts(driver.pod(pod("Running"), "DELETED")) == ["Pod train-abcde is removed"]
    again = followed(pods=[pod("Running")])
    assert texts(again.give(Listed(Kind.PODS, [], "9"))) == ["Pod train-abcde is removed"]
    assert (driver.end, again.end) == (None, None)


def test_a_pod_that_was_deleted_before_it_failed_is_not_said_to_have_failed_when_the_kubelet_removes_it():
    driver = followed(pods=[pod("Running")])
    stamps = {"deletionTimestamp": "2026-01-02T03:04:06Z", "deletionGracePeriodSeconds": 1}
    assert texts(driver.pod(pod("Failed", metadata=stamps))) == [
        "Pod train-abcde was deleted, and has ended with exit code 1"
    ]
    assert texts(driver.pod(pod("Failed", metadata=stamps | {"deletionGracePeriodSeconds": 0}))) == []


def test_an_event_of_a_removed_pod_that_is_late_is_nothing():
    driver = followed(pods=[pod("Running")])
    driver.pod(pod("Running"), "DELETED")
    assert driver.pod(pod("Running")) == []


def test_reasons_that_alternate_are_logged_once():
    driver = followed()
    for _ in range(5):
        driver.pod(stuck("ErrImagePull"))
        driver.pod(stuck("ImagePullBackOff"))
    assert len([text for text in driver.messages if "unable to start" in text]) == 1


def test_alternating_reasons_do_not_reset_the_clock():
    driver = followed(start=60)
    for second in range(0, 100, 7):
        driver.at(second)
        if driver.end is None:
            driver.pod(stuck("ErrImagePull" if second % 2 else "ImagePullBackOff"))
    assert driver.ended_after == (60, 78)
    assert driver.end.never_starts


def test_l5_that_another_container_goes_on_after_the_program_is_logged_once():
    alone = pod("Running", main=container("ended"), others={"other": container("running")})
    driver = followed(pods=[pod("Running", others={"other": container("running")})])
    driver.at(10)
    driver.pod(alone)
    assert texts(driver.at(14.9)) == []
    expected = "Pod train-abcde does not terminate, although its program has ended: other still runs"
    assert texts(driver.at(15)) == [expected]
    driver.pod(alone)
    driver.at(60)
    assert driver.messages.count(expected) == 1
    assert StartLog in [type(action) for action in driver.actions]


def test_v7_a_pod_that_succeeded_while_it_was_evicted():
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI\n::endgroup::"}
    driver = followed()
    said = texts(driver.pod(pod("Succeeded", status={"conditions": [condition]})))
    assert said == [
        "Pod train-abcde has succeeded",
        "Pod train-abcde succeeded while it was being terminated (EvictionByEvictionAPI : :endgroup::): "
        "its result may be incomplete",
    ]


def test_v7_a_pod_that_is_deleted_in_the_second_of_its_success_succeeded_before():
    driver = followed()
    driver.pod(pod("Succeeded"))
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
    assert texts(driver.pod(pod("Succeeded", status={"conditions": [condition]}))) == []


def test_the_record_of_a_pod_keeps_when_each_part_of_its_life_began():
    def lived(phase, **times):
        """A Pod in which these conditions are true since these times."""
        conditions = [{"type": kind, "status": "True", "lastTransitionTime": time} for kind, time in times.items()]
        return pod(phase, status={"conditions": conditions})

    driver = followed()
    driver.pod(waiting())
    driver.pod(lived("Pending", PodScheduled="2026-01-01T00:00:10Z"))
    driver.pod(lived("Pending", PodScheduled="2026-01-01T00:00:10Z", PodReadyToStartContainers="2026-01-01T00:00:12Z"))
    driver.pod(pod("Running"))
    driver.at(60, Changed(Kind.PODS, "MODIFIED", pod("Succeeded")))
    driver.pod(pod("Succeeded"), "DELETED")
    (record,) = driver.core.pods.records()
    assert record.stamps == {
        "created": STAMP,
        "scheduled": "2026-01-01T00:00:10Z",
        "pulling": "2026-01-01T00:00:12Z",
        "started": STAMP,
        "ended": STAMP,
    }
    assert [(phase.name, at - driver.start) for phase, at in record.history] == [
        ("WAITING", 0.0),
        ("STARTING", 0.0),
        ("RUNNING", 0.0),
        ("SUCCEEDED", 60.0),
        ("REMOVED", 60.0),
    ]

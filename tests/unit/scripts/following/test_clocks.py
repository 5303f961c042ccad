"""The clocks of a wait, exactly at their limits, from any begin."""

import pytest
from cluster_objects import UID, Driver, failed_create, job, pod, stuck, texts, waiting

from gke_jobs.following.events import EventsRead

GANG = job(spec={"parallelism": 2, "completions": 2}, metadata={"annotations": {"gke-job/gang": "true"}})
PAIR = job(spec={"parallelism": 2, "completions": 2})
LATER = "2026-01-02T03:04:09Z"
RUNNING, WAITING = pod("Running"), waiting(name="train-waits")


@pytest.mark.parametrize(
    ("given", "pods", "limits", "ends"),
    [
        (job(), [], {"timeout": 20}, (20, 124)),
        (job(), [RUNNING], {"timeout": 20}, (20, 124)),
        (job(), [], {"schedule": 20}, (20, 124)),
        (job(), [waiting()], {"schedule": 20}, (20, 124)),
        (job("Suspended"), [], {"schedule": 20}, (20, 124)),
        (job(), [pod("Pending")], {"schedule": 20}, None),
        (job(), [RUNNING], {"schedule": 20}, None),
        (job(), [pod("Failed")], {"schedule": 20}, None),
        (PAIR, [RUNNING, WAITING], {"schedule": 20}, None),
        (GANG, [RUNNING, WAITING], {"schedule": 20}, (20, 124)),  # V9
        (GANG, [RUNNING], {"schedule": 20}, (20, 124)),
        (GANG, [RUNNING, pod("Running", name="train-2")], {"schedule": 20}, None),
        (job(("FailureTarget", "X")), [waiting()], {"schedule": 20}, None),
        (job(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}), [], {"schedule": 20}, None),
        (job(), [stuck()], {"start": 20}, (20, 78)),
        (job(), [stuck(), WAITING], {"start": 20, "schedule": 10}, (20, 78)),
        (job(), [waiting()], {"start": 20}, None),
        (job(("FailureTarget", "X")), [stuck()], {"start": 20}, None),
        (job(), [stuck()], {"start": 20, "timeout": 20}, (20, 124)),
    ],
)
@pytest.mark.parametrize("start_at", [0.0, 0.1, 1234567.891, 98765.4321])
@pytest.mark.parametrize("heartbeat", [1e6, 19.0, 7.3])
def test_each_clock(given, pods, limits, ends, start_at, heartbeat):
    driver = Driver(start_at=start_at, heartbeat=heartbeat, **limits)
    driver.listed([given], pods)
    driver.at(19.999)
    assert driver.end is None
    driver.at(100)
    assert driver.ended_after == ends


@pytest.mark.parametrize(
    ("given", "limits", "unscheduled"),
    [
        (job(), {"schedule": 20}, True),
        (GANG, {"schedule": 20}, True),
        (job("Suspended"), {"schedule": 20}, False),
        (job(), {"timeout": 20}, False),
    ],
)
def test_a_job_that_is_not_suspended_and_lacks_nodes_for_too_long_is_unscheduled(given, limits, unscheduled):
    driver = Driver(**limits)
    driver.listed([given], [WAITING])
    driver.at(20)
    assert driver.end.unscheduled == unscheduled


def test_a_clock_begins_anew_when_its_condition_does():
    driver = Driver(schedule=20, start=20)
    driver.listed([job()], [waiting()])
    for seconds, item in [(19, pod("Pending")), (30, stuck()), (49, pod("Running")), (60, stuck())]:
        driver.at(seconds)
        driver.pod(item)
    driver.at(500)
    assert driver.ended_after == (80, 78)


def test_the_reason_of_a_clock_says_what_it_waits_for():
    for_a_node, for_an_image, blocked = Driver(schedule=5), Driver(start=5), Driver(start=5)
    for_a_node.listed([job()], [waiting("0/3 nodes: no GPU. preemption: none")])
    for_an_image.listed([job()], [stuck()])
    blocked.listed([job()])
    blocked.at(2)
    blocked.give(EventsRead(UID, [failed_create("pods is forbidden: a policy is against it")]))
    for driver in (for_a_node, for_an_image, blocked):
        driver.at(50)
    assert for_a_node.end.reason == "Job train has no node: --schedule-timeout has expired: 0/3 nodes: no GPU."
    assert for_an_image.end.reason == (
        "Job train will never start: for 5 s Pod train-abcde is unable to start on node-1: ImagePullBackOff"
    )
    assert blocked.end.reason.startswith("Job train will never start: for 5 s its Pods cannot be created: ")


@pytest.mark.parametrize(
    ("jobs", "pods", "message", "what"),
    [
        (
            job(),
            [],
            "exceeded quota: small, requested: pods=1",
            "has no Pods, because a quota prevents their creation",
        ),
        (GANG, [RUNNING], "exceeded quota: small", "has too few Pods, because a quota prevents their creation"),
        (job("Suspended"), [], "", "is suspended"),
    ],
)
def test_the_reason_of_the_clock_for_nodes_says_whether_there_are_pods(jobs, pods, message, what):
    driver = Driver(schedule=5)
    driver.listed([jobs], pods)
    driver.at(2)
    if message:
        driver.give(EventsRead(UID, [failed_create(f'pods "x" is forbidden: {message}', LATER)]))
    driver.at(50)
    assert driver.end.reason.startswith(f"Job train {what}: --schedule-timeout has expired")


def test_a_progress_message_comes_a_time_after_the_last_message():
    driver = Driver(heartbeat=60)
    driver.listed([job()], [pod("Running")])
    driver.at(59.9)
    assert texts(driver.at(60)) == ["Job train is not finished after 60 s; Pods: 1 running"]
    driver.at(100)
    driver.pod(pod("Failed"))
    assert texts(driver.at(159.9)) == []
    assert texts(driver.at(160)) == ["Job train is not finished after 160 s; Pods: 1 failed"]


def test_progress_of_a_job_without_pods():
    driver = Driver(heartbeat=60, uid="")
    driver.at(60)
    assert driver.messages == ["Job train is not finished after 60 s; Pods: none"]


def test_a_pod_that_cannot_be_started_is_logged_with_its_message_and_the_limit():
    driver = Driver(start=5)
    item = stuck()
    item["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = "no such image"
    driver.listed([job()], [item])
    (said,) = [text for text in driver.messages if "unable to start" in text]
    assert said.endswith(": ImagePullBackOff: no such image; times out after 5 s (--start-timeout)")

"""Pods that have a node and do not start: for how long that is waited for, what is logged of it, how often is asked."""

import pytest
from cluster_objects import UID, Driver, creating, job, missing, pod, pod_event, stuck, texts, waiting

from gke_jobs.following.events import EventsRead, Kind, Listed, ReadEvents

POD = "uid-of-train-abcde"
MOUNT = "MountVolume.SetUp failed for volume "
CLAIM = '0/3 nodes are available: persistentvolumeclaim "data" not found. not found'
NFS = pod_event("FailedMount", f'{MOUNT}"nfs" : mount failed: exit status 32')


def starting(*pods, **settings):
    """A wait for a Job with these Pods, by default one that waits for its volumes."""
    driver = Driver(**settings)
    driver.listed([job()], pods or [creating()])
    return driver


def answered(driver, time, *events):
    """Give the Events of the Pod, which were asked for then; return the messages."""
    assert ReadEvents(POD) in driver.at(time)
    return texts(driver.give(EventsRead(POD, list(events))))


def asked(driver, until):
    """When Events of a Pod were asked for, in seconds from the begin."""
    times, before = [], len(driver.actions)
    while driver.now - driver.start < until and driver.end is None:
        driver.at(driver.now - driver.start + 1)
        new, before = driver.actions[before:], len(driver.actions)
        asks = [action for action in new if isinstance(action, ReadEvents) and action.uid != UID]
        times += [round(driver.now - driver.start)] * len(asks)
    return times


def test_events_are_asked_for_while_a_pod_starts_and_ever_more_rarely():
    assert asked(starting(), 1200) == [10, 25, 55, 115, 235, 535, 835, 1135]


@pytest.mark.parametrize(
    "item", [pod("Running"), waiting(), stuck(), creating(ready=True), pod("Succeeded"), creating(uid="a,b=c")]
)
def test_events_of_a_pod_that_does_not_wait_for_its_volumes_are_not_asked_for(item):
    assert asked(starting(item), 100) == []


def test_events_of_a_pod_whose_job_is_ending_are_not_asked_for():
    driver = starting()
    driver.job(job("FailureTarget"))
    assert asked(driver, 100) == []


def test_of_many_pods_the_one_that_starts_for_longest_is_asked_for_and_never_two_at_once():
    first, second = creating(name="train-a"), creating(name="train-b")
    driver = starting(first, second)
    assert ReadEvents("uid-of-train-a") in driver.at(10)
    driver.pod(pod("Running", name="train-a"))
    assert driver.at(19.9) == []
    assert driver.at(20) == [ReadEvents("uid-of-train-b")]


def test_a_pod_whose_image_is_pulled_is_not_asked_for_again():
    driver = starting()
    assert answered(driver, 10, missing(), pod_event("Pulling")) == []
    assert asked(driver, 1000) == []


@pytest.mark.parametrize(
    ("event", "named"),
    [
        (missing("secret", "hub-keys"), "create the secret hub-keys in the Job's namespace"),
        (missing("configmap", "rates"), "create the configmap rates in the Job's namespace"),
        (
            pod_event("FailedMount", f'{MOUNT}"all" : [secret "a" not found, configmap "b" not found]'),
            "create the secret a in the Job's namespace",
        ),
        (
            pod_event("FailedMount", f'(combined from similar events): {MOUNT}"v" : secret "a" not found'),
            "create the secret a in the Job's namespace",
        ),
    ],
)
def test_a_secret_or_configmap_of_a_volume_that_is_missing_is_waited_for_like_an_image(event, named):
    driver = starting(start=60)
    (said,) = answered(driver, 10, event)
    assert said.startswith(f"Pod train-abcde is unable to start on node-1: FailedMount: {event['message']}; {named}")
    assert said.endswith("; times out after 60 s (--start-timeout)")
    driver.pod(creating())
    assert answered(driver, 25, event) == []
    driver.at(500)
    assert driver.ended_after == (70, 78)
    assert driver.end.never_starts
    reason = f"Pod train-abcde is unable to start on node-1: FailedMount: {event['message']}"
    assert driver.end.reason == f"Job train will never start: for 60 s {reason}"


def test_a_claim_that_is_missing_is_waited_for_like_an_image():
    driver = starting(waiting(CLAIM), start=60, schedule=20)
    (said,) = [text for text in driver.messages if text.startswith("Pod")]
    assert said == (
        'Pod train-abcde is unable to start: persistentvolumeclaim "data" not found; '
        "create the persistentvolumeclaim data in the Job's namespace, or correct its name: `volumes`, or the "
        "template; times out after 60 s (--start-timeout)"
    )
    driver.at(500)
    assert driver.ended_after == (60, 78)


def test_a_claim_that_comes_late_ends_the_clock():
    driver = starting(waiting(CLAIM), start=60)
    driver.at(50)
    driver.pod(waiting("0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."))
    driver.at(5000)
    assert driver.end is None


@pytest.mark.parametrize("mended", [creating(ready=True), pod("Running"), pod("Failed")])
def test_a_secret_that_comes_late_ends_the_clock(mended):
    driver = starting(start=60)
    answered(driver, 10, missing())
    driver.at(69)
    driver.pod(mended)
    driver.at(128)
    assert driver.end is None


def test_a_secret_that_came_is_not_blamed_for_what_holds_the_pod_then():
    driver = starting(start=1000)
    nfs = {**NFS, "lastTimestamp": "2026-01-02T03:10:00Z"}
    answered(driver, 10, missing())
    assert answered(driver, 25, missing(), {**NFS, "lastTimestamp": "2026-01-02T03:06:00Z"}) == []
    assert answered(driver, 55, missing(), nfs) == [
        "Pod train-abcde is starting on node-1",
        f"Pod train-abcde is starting on node-1: FailedMount: {nfs['message']}",
    ]
    driver.at(5000)
    assert driver.end is None


@pytest.mark.parametrize(
    "event",
    [
        NFS,
        pod_event("FailedAttachVolume", 'AttachVolume.Attach failed for volume "v" : secret "x" not found'),
        pod_event("FailedCreatePodSandBox", "Failed to create pod sandbox: no network"),
        pod_event("FailedMount", f'{MOUNT}"v" : rpc error: code = NotFound desc = bucket "x" not found'),
        pod_event("FailedMount", "Unable to attach or mount volumes: timed out waiting for the condition"),
        pod_event("FailedMount", f'{MOUNT}"v" : failed to sync secret cache: timed out waiting for the condition'),
    ],
)
def test_any_other_trouble_is_only_logged_once(event):
    driver = starting(start=60)
    said = f"Pod train-abcde is starting on node-1: {event['reason']}: {event['message']}"
    assert answered(driver, 10, event) == [said]
    assert answered(driver, 25, event) == []
    driver.at(5000)
    assert driver.end is None


def test_what_differs_only_in_ids_and_counts_is_logged_once():
    driver = starting()
    assert len(answered(driver, 10, pod_event("FailedCreatePodSandBox", "sandbox 0a1b2c3d4e5f: try 3"))) == 1
    assert answered(driver, 25, pod_event("FailedCreatePodSandBox", "sandbox ffeeddccbbaa: try 17")) == []


def test_the_cause_is_logged_rather_than_its_summary():
    summary = pod_event("FailedMount", "Unable to attach or mount volumes: unmounted volumes=[v]")
    (said,) = answered(starting(), 10, missing(), {**summary, "lastTimestamp": "2026-01-02T04:00:00Z"})
    assert 'secret "keys" not found' in said


def test_events_that_are_refused_or_no_events_change_nothing():
    driver = starting(start=60)
    assert driver.at(10) == [ReadEvents(POD)]
    foreign = missing(name="train-other")
    given = [EventsRead(POD, None), EventsRead(POD, [None, 7, {}, {**foreign, "involvedObject": {"uid": UID}}])]
    assert driver.give(*given, EventsRead("unknown", [missing()])) == []
    driver.at(5000)
    assert driver.end is None


def test_events_that_come_after_the_start_say_nothing():
    driver = starting()
    driver.at(10)
    driver.pod(pod("Running"))
    assert driver.give(EventsRead(POD, [missing()])) == []


def test_a_single_look_asks_at_once_and_waits_for_the_answer():
    driver = Driver(is_poll=True, start=30)
    asks = driver.give(*starting_lists())
    assert ReadEvents(POD) in asks
    assert driver.end is None
    driver.give(EventsRead(POD, []))
    assert driver.ended_after == (0, 75)


def test_a_single_look_stays_with_a_secret_that_is_missing():
    driver = Driver(is_poll=True, start=30)
    driver.give(*starting_lists())
    (said,) = texts(driver.give(EventsRead(POD, [missing()])))
    assert "is unable to start on node-1" in said
    driver.at(100)
    assert driver.ended_after == (30, 78)


def test_a_single_look_logs_any_other_trouble():
    driver = Driver(is_poll=True, start=30)
    driver.give(*starting_lists())
    assert len(texts(driver.give(EventsRead(POD, [NFS])))) == 1
    assert driver.ended_after == (0, 75)


def test_a_single_look_without_a_start_timeout_asks_for_no_pods():
    driver = Driver(is_poll=True, start=None)
    driver.give(*starting_lists())
    assert not [action for action in driver.actions if isinstance(action, ReadEvents)]


def starting_lists():
    """The lists of a Job with a Pod that waits for its volumes."""
    return [Listed(Kind.JOB, [job()], "5"), Listed(Kind.PODS, [creating()], "5")]

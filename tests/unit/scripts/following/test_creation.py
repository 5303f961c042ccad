"""Pods that the Job is to have and that are not there: why not, and for how long that is waited out."""

import pytest
from cluster_objects import UID, Driver, failed_create, job, pod, texts

from gke_jobs.following.events import EventsRead, ReadEvents

FUTURE = "2999-01-01T00:00:00Z"
QUOTA = 'pods "x" is forbidden: exceeded quota: q'


def alone(given=None, pods=(), **settings):
    """A wait in which the Job has been listed, with these Pods."""
    driver = Driver(**settings)
    driver.listed([given or job()], pods)
    return driver


def test_events_are_asked_for_while_pods_are_missing():
    driver = alone()
    assert ReadEvents(UID) in driver.at(2)
    assert ReadEvents(UID) not in driver.at(6.9)
    assert ReadEvents(UID) in driver.at(7)
    driver.pod(pod("Running"))
    assert ReadEvents(UID) not in driver.at(1000)


@pytest.mark.parametrize(
    ("message", "code", "after"),
    [
        (QUOTA, 124, 102),
        ('pods "x" is forbidden: error looking up service account ns/x: serviceaccount "x" not found', 78, 52),
        ('admission webhook "w" denied the request: no', 78, 52),
        ('pods "x" is forbidden: maximum cpu usage per Container is 1', 78, 52),
    ],
)
def test_v2_pods_that_cannot_be_created(message, code, after):
    driver = alone(schedule=102, start=50)
    driver.at(2)
    (said,) = texts(driver.give(EventsRead(UID, [failed_create(message)])))
    assert said.startswith("the Pods of Job train cannot be created: ")
    driver.give(EventsRead(UID, [failed_create(message)]))
    driver.at(500)
    assert len(driver.messages) == 2
    assert driver.ended_after == (after, code)


def test_pods_that_could_be_created_later_end_the_clock():
    driver = alone(start=50)
    driver.at(2)
    driver.give(EventsRead(UID, [failed_create("something denies it")]))
    driver.at(40)
    driver.pod(pod("Running"))
    driver.at(500)
    assert driver.end is None


def test_events_of_other_objects_and_garbage_say_nothing():
    driver = alone()
    driver.at(2)
    foreign = {**failed_create("x"), "involvedObject": {"uid": "another"}}
    assert (
        driver.give(EventsRead(UID, [foreign, None, 7, {}, {"involvedObject": {"uid": UID}}]), EventsRead(UID, None))
        == []
    )


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({"completions": 3, "parallelism": 3, "completionMode": "Indexed"}, {"succeeded": 1, "failedIndexes": "2"}),
        (
            {"completions": 9, "parallelism": 9, "completionMode": "Indexed"},
            {"succeeded": 3, "failedIndexes": "0,2-4,6"},
        ),
        ({"completions": None, "parallelism": 2}, {"succeeded": 1}),  # a work queue
    ],
)
def test_a_pod_that_is_not_to_be_created_is_not_missing(spec, status):
    driver = alone(job(spec=spec, status=status), [pod("Running")])
    driver.at(2)
    driver.give(EventsRead(UID, [failed_create("something denies it", FUTURE)]))
    driver.at(5000)
    assert (driver.messages, driver.end) == (["Job train is active", "Pod train-abcde is running on node-1"], None)


def test_after_a_failure_the_time_until_the_next_pod_is_not_counted():
    driver = alone(job(status={"failed": 1}, spec={"backoffLimit": 6}), [pod("Failed")], start=50)
    driver.at(2)
    driver.give(EventsRead(UID, [failed_create("something denies it", FUTURE)]))
    driver.at(5000)
    assert driver.ended_after == (412, 78)


def test_a_quota_after_a_failure_does_not_end_a_job_that_waits_for_its_next_try():
    driver = alone(job(status={"failed": 1}, spec={"backoffLimit": 6}), [pod("Failed")], schedule=60)
    driver.at(2)
    driver.give(EventsRead(UID, [failed_create(QUOTA, FUTURE)]))
    driver.at(361)
    assert driver.end is None
    driver.pod(pod("Running", name="train-next"))
    driver.at(5000)
    assert driver.end is None


def test_a_quota_after_a_failure_ends_a_job_that_has_no_next_try():
    driver = alone(job(status={"failed": 1}, spec={"backoffLimit": 6}), [pod("Failed")], schedule=60)
    driver.at(2)
    driver.give(EventsRead(UID, [failed_create(QUOTA, FUTURE)]))
    driver.at(5000)
    assert driver.ended_after == (442, 124)  # 6 minutes, and up to 30 s until the next reading of the Events


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        (
            "requested: pods=1, used: pods=0, limited: pods=0",
            "the ResourceQuota q is smaller than one Pod (pods: 1 requested, 0 allowed)",
        ),
        ("requested: pods=1, used: pods=9, limited: pods=9", "wait until other Jobs end"),
    ],
)
def test_a_quota_that_is_smaller_than_one_pod_is_not_said_to_be_waited_for(amounts, said):
    driver = Driver()
    driver.listed([job()])
    driver.at(2)
    driver.give(EventsRead(UID, [failed_create(f"{QUOTA}, {amounts}")]))
    (message,) = [words for words in driver.messages if "cannot be created" in words]
    assert said in message
    assert amounts in message
    assert ("waits until" in message) == ("waits until" in said)

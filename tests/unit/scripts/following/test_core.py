"""The wait semantics of a Job: what the core does on each kind of event."""

import pytest
from cluster_objects import (
    UID,
    Driver,
    container,
    creating,
    failed_create,
    followed,
    job,
    pod,
    pod_event,
    stuck,
    texts,
    waiting,
)

from gke_jobs.following.events import Changed, EventsRead, Finish, Kind, List, Listed, Message, Watch, WatchEnded
from gke_jobs.plain_text import printable

PER_INDEX = {"completionMode": "Indexed", "backoffLimit": 2**31 - 1}


def test_a_wait_begins_with_both_lists_where_the_uid_is_known():
    assert Driver().actions == [List(Kind.JOB), List(Kind.PODS)]
    assert Driver(uid="").actions == [List(Kind.JOB)]


def test_without_a_uid_the_pods_are_listed_when_the_job_is_known():
    driver = Driver(uid="")
    assert List(Kind.PODS) in driver.give(Listed(Kind.JOB, [job()], "5"))
    assert driver.core.uid == UID


@pytest.mark.parametrize(
    ("condition", "code", "reason", "explain"),
    [
        ("Complete", 0, "Job train is complete", False),
        (("Failed", "BackoffLimitExceeded"), 1, "Job train failed: BackoffLimitExceeded", True),
    ],
)
def test_a_job_that_is_finished_ends_the_wait_at_once(condition, code, reason, explain):
    driver = followed()
    assert driver.job(job(condition))[-1] == Finish(code, reason, explain=explain)


def test_one_that_was_finished_before_ends_the_wait_with_the_list():
    driver = followed("Complete")
    assert driver.end == Finish(0, "Job train is complete", explain=False)


@pytest.mark.parametrize(("uid", "reason"), [("", 'jobs.batch "train" not found'), (UID, "it succeeded is not known")])
def test_a_job_that_is_not_there(uid, reason):
    driver = Driver(uid=uid)
    driver.give(Listed(Kind.JOB, [], "5"))
    assert reason in driver.end.reason
    assert driver.end.status == (1 if uid else 78)


@pytest.mark.parametrize(
    ("seen", "last", "code", "words"),
    [
        ((), (), 1, "was deleted before it was finished"),
        ((), ("Complete",), 0, "is complete"),
        (("SuccessCriteriaMet",), (), 0, "had met its success criteria and is deleted"),
        ((), ("SuccessCriteriaMet",), 0, "had met its success criteria and is deleted"),
        ((), (("FailureTarget", "BackoffLimitExceeded"),), 1, "was failing and is deleted: BackoffLimitExceeded"),
    ],
)
def test_a_job_that_is_deleted_ends_by_what_was_seen_last(seen, last, code, words):
    driver = followed(*seen)
    driver.job(job(*last), "DELETED")
    assert (driver.end.status, words in driver.end.reason) == (code, True)


@pytest.mark.parametrize(
    ("seen", "code", "words"),
    [
        ((), 1, "whether it succeeded is not known"),
        (("SuccessCriteriaMet",), 0, "had met its success criteria and no longer exists"),
        ((("FailureTarget", "X"),), 1, "was failing and no longer exists: X"),
    ],
)
@pytest.mark.parametrize("found", [[], [job(uid="another")]])
def test_v8_a_job_that_has_gone_during_an_outage(seen, code, words, found):
    driver = followed(*seen)
    driver.give(Listed(Kind.JOB, found, "6"))
    assert (driver.end.status, words in driver.end.reason) == (code, True)


def test_another_job_of_the_name_in_the_watch_means_that_ours_is_gone():
    driver = followed()
    driver.job(job("Complete", uid="another"), "ADDED")
    assert driver.end.status == 1


@pytest.mark.parametrize("garbage", [None, 7, "x", [], {}, {"metadata": {"name": "train"}}, {"metadata": 1}])
def test_what_is_no_job_changes_nothing(garbage):
    driver = followed()
    assert driver.job(garbage) == []
    assert driver.pod(garbage) == []


def test_success_criteria_are_logged_only_when_the_pods_take_their_time():
    quick = followed()
    quick.job(job("SuccessCriteriaMet"))
    quick.at(1.9)
    quick.job(job("Complete"))
    assert not any("success criteria" in text for text in quick.messages)
    slow = followed("SuccessCriteriaMet")
    slow.at(10)
    assert texts(slow.at(29.9)) == []
    assert [text for text in slow.messages if "criteria" in text] == [
        "Job train has met its success criteria; its Pods are terminating"
    ]
    slow.at(30)
    assert slow.end == Finish(0, "Job train has met its success criteria", explain=False)
    assert "a Pod of Job train has not ended; its node may be lost" in slow.messages


def test_a_job_that_has_met_its_success_criteria_has_succeeded_when_the_time_is_over():
    driver = followed("SuccessCriteriaMet", timeout=10)
    driver.at(100)
    assert driver.ended_after == (10, 0)


def test_nor_can_it_be_stuck():
    driver = followed("SuccessCriteriaMet", pods=[stuck()], start=5)
    driver.at(100)
    assert driver.ended_after == (30, 0)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (job(), job("Suspended"), "Job train is suspended: it waits until it is resumed"),
        (
            job(),
            job("Suspended", metadata={"labels": {"kueue.x-k8s.io/queue-name": "gpus"}}),
            "Job train is suspended: it waits until Kueue admits it from queue gpus",
        ),
        (job("Suspended"), job(), "Job train is active"),
        (job(), job(status={"failed": 1}), "Job train continues after a failure: retry 1 of 2"),
        (job(), job(("FailureTarget", "X")), "Job train is failing: its Pods are being terminated"),
        (
            job(),
            job(status={"failed": 3}, spec=PER_INDEX),
            "Job train continues after a failure: failed Pods so far: 3",
        ),
        (
            job(status={"failed": 1, "failedIndexes": "4"}, spec=PER_INDEX),
            job(status={"failed": 3, "failedIndexes": "2,4"}, spec=PER_INDEX),
            "Job train continues without the permanently failed indexes: 2 so far",
        ),
        (job(), job(status={"failed": 3}), None),  # it is about to fail
        (job(), job(status={"failed": 1}, spec={"backoffLimit": 0}), None),
        (job(), job(), None),
    ],
)
def test_news_of_the_job(before, after, message):
    driver = Driver()
    driver.listed([before])
    assert texts(driver.job(after)) == ([message] if message else [])


@pytest.mark.parametrize(
    "text", ["a\nfollow-job: Job train is complete", "\x1b[2J", "::group::x", "a\x00b", "\u202e", "\ud800", "x" * 5000]
)
def test_s7_text_of_others_is_one_clean_line(text):
    names = {"main": container("waiting", reason=text), text: container("running")}
    hostile = [
        waiting(text),
        stuck("ErrImagePull", others=names),
        pod("Running", main=container("ended"), others={text: container("running")}, name="b", node=text),
        pod("Failed", name=text, main=container("ended", code=1, reason=text), status={"reason": text}),
        pod("Running", name="c", metadata={"annotations": {"batch.kubernetes.io/job-completion-index": text}}),
    ]
    driver = followed()
    for item in hostile:
        driver.pod(item)
    driver.at(20)
    driver.give(EventsRead(UID, [failed_create(text)]))
    driver.pod(creating(name="d"))
    for message in (text, f'MountVolume.SetUp failed for volume "v" : secret "{text}" not found'):
        driver.give(EventsRead("uid-of-d", [pod_event("FailedMount", message, name="d")]))
    driver.job(job(status={"conditions": [{"type": "Failed", "status": "True", "message": text}]}))
    driver.at(100)
    said = [*driver.messages, driver.end.reason]
    assert all(one.isprintable() and "::group::" not in one for one in said)
    assert all(one == printable(one) or len(one) > 1024 for one in said)


def test_a_watch_goes_on_from_the_newest_version():
    driver = followed()
    driver.job(job(metadata={"resourceVersion": "41"}))
    driver.give(Changed(Kind.JOB, "BOOKMARK", {"metadata": {"resourceVersion": "42"}}))
    driver.at(100, WatchEnded(Kind.JOB, None))
    assert driver.actions[-1] == Watch(Kind.JOB, "42")


def test_messages_and_lines_are_all_that_is_shown():
    assert all(isinstance(action, (Message, List, Watch)) for action in followed().actions)

"""What the follower logs of a Job that waits in a queue of Kueue."""

import pytest
from cluster_objects import UID, Driver, job, texts
from kueue_objects import EVICTED, IN_QUEUE, PENDING, RESERVED, check, workload

from gke_jobs.following.events import (
    Changed,
    Finish,
    Kind,
    Listed,
    Message,
    ReadWorkload,
    ReadWorkloads,
    Tick,
    WorkloadRead,
    WorkloadsRead,
)
from gke_jobs.following.overview import Overview, Report
from gke_jobs.following.queueing import LEAST, MOST, PAUSES, Queues
from gke_jobs.kueue import Queued, reasons

QUEUE = {"labels": {"kueue.x-k8s.io/queue-name": "gpu-queue"}}
ASK = ReadWorkload(UID, "gpu-queue")


def in_queue():
    """A wait in which the Job has been listed, and its Workload asked for."""
    driver = Driver()
    driver.listed([job("Suspended", metadata=QUEUE)])
    later(driver, PAUSES[0])
    return driver


def later(driver, seconds):
    """Let time pass."""
    driver.at(driver.now - driver.start + seconds)


def said(driver, *conditions, places=None, **given):
    """What is logged when this Workload was read."""
    queued = Queued(workload=workload(*conditions, **given), places=places)
    return [action.text for action in driver.give(WorkloadRead(queued)) if isinstance(action, Message)]


def test_the_workload_of_a_suspended_job_in_a_queue_is_read_less_and_less_often():
    driver = in_queue()
    assert driver.actions.count(ASK) == 1
    for number, pause in enumerate(PAUSES[1:], 2):
        later(driver, pause)
        assert driver.actions.count(ASK) == number
    later(driver, 10 * PAUSES[-1])
    assert driver.actions.count(ASK) == len(PAUSES) + 10


@pytest.mark.parametrize("found", [job("Suspended"), job(metadata=QUEUE), job("FailureTarget", metadata=QUEUE)])
def test_that_of_no_other_job_is_read(found):
    driver = Driver()
    driver.listed([found])
    later(driver, 60)
    assert ASK not in driver.actions


def test_each_reason_is_logged_once_and_a_new_place():
    driver = in_queue()
    (why,) = reasons(Queued(workload=workload(PENDING)))
    place = "Workloads before it: {} in its LocalQueue, {} in its ClusterQueue"
    assert said(driver, PENDING, places=(2, 5)) == [f"Kueue: {why}; {place.format(2, 5)}"]
    assert said(driver, PENDING, places=(2, 5)) == []
    assert said(driver, PENDING, places=(1, 4)) == [f"Kueue: {place.format(1, 4)}"]
    assert said(driver, RESERVED, checks=[check()]) == [
        "Kueue: it has quota: Quota reserved in ClusterQueue gpus; admission check dws is Pending"
    ]
    assert said(driver, PENDING) == []


def test_a_job_that_was_preempted_waits_again_and_the_log_has_by_whom():
    driver = in_queue()
    driver.job(job(metadata=QUEUE))
    later(driver, 60)
    before = driver.actions.count(ASK)
    driver.job(job("Suspended", metadata=QUEUE))
    later(driver, PAUSES[0])
    assert driver.actions.count(ASK) == before + 1
    (line,) = said(driver, PENDING, EVICTED, IN_QUEUE)
    assert line.count("Preempted to accommodate a workload") == 1
    assert "; evicted (Preempted): Preempted to accommodate a workload" in line


def test_a_workload_that_cannot_be_read_is_no_news():
    driver = in_queue()
    assert [action for action in driver.give(WorkloadRead(None)) if isinstance(action, Message)] == []
    later(driver, PAUSES[1])
    assert driver.actions.count(ASK) == 2


def test_what_comes_when_the_job_has_started_or_ended_is_not_logged():
    driver = in_queue()
    driver.job(job(metadata=QUEUE))
    assert said(driver, PENDING) == []
    driver = in_queue()
    driver.job(job("Complete", metadata=QUEUE))
    assert said(driver, PENDING) == []


def test_a_look_at_a_job_in_a_queue_does_not_wait_for_its_workload():
    driver = Driver(is_poll=True)
    driver.listed([job("Suspended", metadata=QUEUE)])
    assert isinstance(driver.end, Finish)
    assert ASK not in driver.actions


def test_the_reason_comes_after_that_the_job_is_suspended():
    driver = in_queue()
    said(driver, PENDING)
    lines = texts(driver.actions)
    first = next(number for number, line in enumerate(lines) if "is suspended: it waits until Kueue admits it" in line)
    assert lines[first + 1].startswith("Kueue: no quota (Pending): ")


def many(*uids):
    """A watch of these Jobs, which wait in a queue."""
    overview = Overview("ml", 600.0, reports_queues=True)
    overview.begin(0.0)
    jobs = [job("Suspended", uid=uid, name=uid, metadata=QUEUE) for uid in uids]
    asks = overview.handle(Listed(Kind.PODS, [], "5"), 0.0) + overview.handle(Listed(Kind.JOB, jobs, "5"), 0.0)
    assert not [action for action in asks if isinstance(action, ReadWorkloads)]
    return overview


def asked(overview, now):
    assert overview.deadline() <= now
    return [action for action in overview.handle(Tick(), now) if isinstance(action, ReadWorkloads)]


def change_messages(overview, event, now=2.0):
    done = overview.handle(event, now)
    return [(action.content["uid"], action.content["why"]) for action in done if isinstance(action, Report)]


def test_of_many_jobs_the_workloads_are_read_at_once_and_each_news_is_reported():
    overview = many("u1", "u2")
    assert asked(overview, PAUSES[0]) == [ReadWorkloads(("u1", "u2"))]
    (why,) = reasons(Queued(workload=workload(PENDING)))
    found = {"u2": workload(PENDING, uid="u2"), "another": workload(uid="another")}
    without = "Kueue: Kueue has not created a Workload for the Job"
    assert change_messages(overview, WorkloadsRead(found)) == [("u1", without), ("u2", f"Kueue: {why}")]
    assert change_messages(overview, WorkloadsRead(found)) == []
    assert change_messages(overview, WorkloadsRead(None)) == []
    assert asked(overview, PAUSES[0] + PAUSES[1]) == [ReadWorkloads(("u1", "u2"))]
    assert change_messages(overview, WorkloadsRead({}, is_served=False))[0][1].endswith("is it installed?")
    resumed = Changed(Kind.JOB, "MODIFIED", job(uid="u2", name="u2", metadata=QUEUE))
    assert change_messages(overview, resumed) == [("u2", "")]
    assert asked(overview, 60.0) == [ReadWorkloads(("u1",))]


def test_a_job_that_begins_to_wait_is_asked_for_soon_but_not_at_once():
    queues, waits = Queues(), job("Suspended", metadata=QUEUE)
    queues.note("u1", waits)
    assert list(queues.act(0.0)) == []
    assert list(queues.act(PAUSES[0])) == [ReadWorkloads(("u1",))]
    queues.note("u2", waits)
    assert list(queues.act(2.0)) == []
    assert queues.read(WorkloadsRead({})) == ["u1"]  # nobody has asked for the other one yet
    assert queues.read_at <= PAUSES[0] + LEAST
    assert list(queues.act(PAUSES[0] + LEAST)) == [ReadWorkloads(("u1", "u2"))]
    for uid in ("u1", "u2"):
        queues.forget(uid)
    assert (list(queues.act(999.0)), queues.read_at) == ([], None)


def test_no_more_than_so_many_jobs_are_asked_for_and_none_that_has_no_uid():
    queues, waits = Queues(), job("Suspended", metadata=QUEUE)
    for uid in ["", "a,b", *(f"u{number:04}" for number in range(MOST + 5))]:
        queues.note(uid, waits)
    list(queues.act(0.0))
    (ask,) = queues.act(1.0)
    assert (len(ask.uids), ask.uids[0]) == (MOST, "u0000")
    assert len(queues.read(WorkloadsRead({}))) == MOST


def test_a_list_of_jobs_does_not_read_workloads():
    overview = Overview("ml", 600.0)
    overview.begin(0.0)
    overview.handle(Listed(Kind.JOB, [job("Suspended", metadata=QUEUE)], "5"), 0.0)
    assert overview.deadline() is None

"""When a deferred task is resumed."""

from __future__ import annotations

import pytest

from gke_job.waiting import ConditionTimes, JobStatus, Limits, Wait, WatchState

BEGUN = 1_000_000.0
RUNS = JobStatus()
LACKS_NODES = JobStatus(lacks_nodes=True, why="Pod a is waiting for a node: Insufficient cpu")
CANNOT_START = JobStatus(cannot_start=True, why="Pod a cannot be started: ErrImagePull")
LIMITS = Limits(
    timeout_at=BEGUN + 1000, schedule_timeout=100, start_timeout=50, unreachable_timeout=200, logging_interval=500
)


def waiting(limits=LIMITS, since=None):
    return Wait("train", limits, since or ConditionTimes(), BEGUN)


def resumes(watch, after, **given):
    """The reason with which the wait ends after some seconds without a change; None if it continues."""
    wait = waiting(**given)
    wait.decide(watch, BEGUN)
    resume = wait.decide(watch, BEGUN + after)
    return resume and resume.reason


@pytest.mark.parametrize(
    ("watch", "reason"),
    [
        (WatchState(job_status=JobStatus(finished=True, state="Complete")), "finished"),
        (WatchState(job_status=JobStatus(finished=True, state="Failed")), "finished"),
        (WatchState(job_status=JobStatus(state="SuccessCriteriaMet")), "finished"),
        (WatchState(gone=True), "gone"),
        (WatchState(gone=True, job_status=RUNS), "gone"),
        (WatchState(gone=True, job_status=JobStatus(finished=True, state="Complete")), "finished"),
        (WatchState(fatal_error="permission denied"), None),
        (WatchState(fatal_error="permission denied", job_status=JobStatus(finished=True, state="Failed")), "finished"),
        (WatchState(), None),
        (WatchState(job_status=RUNS), None),
        (WatchState(job_status=LACKS_NODES), None),
        (WatchState(job_status=CANNOT_START), None),
        (WatchState(unreachable_since=BEGUN - 10_000), None),
    ],
)
def test_states_that_fire_at_once(watch, reason):
    assert resumes(watch, 0) == reason


@pytest.mark.parametrize(
    ("watch", "seconds", "reason"),
    [
        (WatchState(fatal_error="permission denied"), 60, "watch_failed"),
        (WatchState(job_status=RUNS), 500, "logs"),
        (WatchState(missing_since=BEGUN), 10, "gone"),
        (WatchState(job_status=LACKS_NODES), 100, "schedule_timeout"),
        (WatchState(job_status=CANNOT_START), 50, "start_timeout"),
        (WatchState(job_status=RUNS, unreachable_since=BEGUN), 200, "unreachable"),
        (WatchState(unreachable_since=BEGUN - 10_000), 200, "unreachable"),
    ],
)
def test_each_limit_fires_at_its_time_and_not_before(watch, seconds, reason):
    assert resumes(watch, seconds - 0.1) is None
    assert resumes(watch, seconds) == reason


def test_the_timeout_of_the_wait_takes_precedence_over_other_limits():
    assert resumes(WatchState(job_status=LACKS_NODES), 1000) == "timeout"


def test_without_limits_nothing_expires():
    for job_status in (RUNS, LACKS_NODES, CANNOT_START):
        assert resumes(WatchState(job_status=job_status, unreachable_since=BEGUN), 1e9, limits=Limits()) is None


def test_a_condition_of_the_previous_wait_continues_to_count_while_it_holds():
    since = ConditionTimes(lacks_nodes=BEGUN - 99, cannot_start=BEGUN - 49)
    assert resumes(WatchState(job_status=LACKS_NODES), 1, since=since) == "schedule_timeout"
    assert resumes(WatchState(job_status=CANNOT_START), 1, since=since) == "start_timeout"
    assert resumes(WatchState(job_status=RUNS), 1, since=since) is None


def test_a_limit_that_expired_before_the_wait_fires_again_only_after_a_minute():
    since = ConditionTimes(lacks_nodes=BEGUN - 5000, cannot_start=BEGUN - 50)
    for job_status, seconds, reason in ((LACKS_NODES, 60, "schedule_timeout"), (CANNOT_START, 50, "start_timeout")):
        assert resumes(WatchState(job_status=job_status), seconds - 0.1, since=since) is None
        assert resumes(WatchState(job_status=job_status), seconds, since=since) == reason


def test_a_condition_of_the_previous_wait_continues_to_count_before_the_first_report():
    assert resumes(WatchState(), 1, since=ConditionTimes(lacks_nodes=BEGUN - 99)) == "schedule_timeout"


def test_a_condition_that_did_not_hold_in_between_counts_from_zero():
    wait = waiting()
    wait.decide(WatchState(job_status=LACKS_NODES), BEGUN)
    wait.decide(WatchState(job_status=RUNS), BEGUN + 90)
    assert wait.since == ConditionTimes()
    assert wait.decide(WatchState(job_status=LACKS_NODES), BEGUN + 100) is None
    assert wait.next_time() == BEGUN + 200


def test_the_next_time_is_that_of_the_first_limit():
    wait = waiting()
    wait.decide(WatchState(job_status=CANNOT_START, unreachable_since=BEGUN), BEGUN)
    assert wait.next_time() == BEGUN + 50
    wait.decide(WatchState(job_status=RUNS), BEGUN)
    assert wait.next_time() == BEGUN + 500
    unlimited = waiting(limits=Limits())
    unlimited.decide(WatchState(job_status=LACKS_NODES), BEGUN)
    assert unlimited.next_time() is None


def test_the_event_has_the_reason_and_the_times():
    wait = waiting()
    wait.decide(WatchState(job_status=LACKS_NODES), BEGUN + 1)
    resume = wait.decide(WatchState(job_status=LACKS_NODES), BEGUN + 101)
    assert wait.payload(resume) == {
        "reason": "schedule_timeout",
        "message": "Job train lacks nodes: Pod a is waiting for a node: Insufficient cpu",
        "since": {"lacks_nodes": BEGUN + 1, "cannot_start": None},
    }


@pytest.mark.parametrize("value", [None, 1, "true", [], {}])
def test_a_field_of_a_wrong_type_counts_as_not_reported(value):
    names = ("finished", "lacks_nodes", "cannot_start")
    assert JobStatus.read(dict.fromkeys(names, value)) == JobStatus()
    assert JobStatus.read({"state": 7, "why": {}, "finished": True}) == JobStatus(finished=True)

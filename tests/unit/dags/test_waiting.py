"""When a deferred task is resumed."""

from __future__ import annotations

import pytest

from gke_job.waiting import Limits, Seen, Since, View, Waiting

BEGUN = 1_000_000.0
RUNS = Seen()
LACKS_NODES = Seen(lacks_nodes=True, why="Pod a is waiting for a node: Insufficient cpu")
CANNOT_START = Seen(cannot_start=True, why="Pod a cannot be started: ErrImagePull")
LIMITS = Limits(
    timeout_at=BEGUN + 1000, schedule_timeout=100, start_timeout=50, unreachable_timeout=200, logging_interval=500
)


def waiting(limits=LIMITS, since=None):
    return Waiting("train", limits, since or Since(), BEGUN)


def resumes(view, after, **given):
    """The reason with which the wait ends after the view has not changed for some seconds; None if it continues."""
    wait = waiting(**given)
    wait.decide(view, BEGUN)
    resume = wait.decide(view, BEGUN + after)
    return resume and resume.why


@pytest.mark.parametrize(
    ("view", "why"),
    [
        (View(seen=Seen(finished=True, state="Complete")), "finished"),
        (View(seen=Seen(finished=True, state="Failed")), "finished"),
        (View(seen=Seen(state="SuccessCriteriaMet")), "finished"),
        (View(gone=True), "gone"),
        (View(gone=True, seen=RUNS), "gone"),
        (View(gone=True, seen=Seen(finished=True, state="Complete")), "finished"),
        (View(fatal_error="permission denied"), None),
        (View(fatal_error="permission denied", seen=Seen(finished=True, state="Failed")), "finished"),
        (View(), None),
        (View(seen=RUNS), None),
        (View(seen=LACKS_NODES), None),
        (View(seen=CANNOT_START), None),
        (View(unreachable_since=BEGUN - 10_000), None),
    ],
)
def test_views_that_fire_at_once(view, why):
    assert resumes(view, 0) == why


@pytest.mark.parametrize(
    ("view", "seconds", "why"),
    [
        (View(fatal_error="permission denied"), 60, "watch_failed"),
        (View(seen=RUNS), 500, "logs"),
        (View(missing_since=BEGUN), 10, "gone"),
        (View(seen=LACKS_NODES), 100, "schedule_timeout"),
        (View(seen=CANNOT_START), 50, "start_timeout"),
        (View(seen=RUNS, unreachable_since=BEGUN), 200, "unreachable"),
        (View(unreachable_since=BEGUN - 10_000), 200, "unreachable"),
    ],
)
def test_each_limit_fires_at_its_time_and_not_before(view, seconds, why):
    assert resumes(view, seconds - 0.1) is None
    assert resumes(view, seconds) == why


def test_the_timeout_of_the_wait_takes_precedence_over_other_limits():
    assert resumes(View(seen=LACKS_NODES), 1000) == "timeout"


def test_without_limits_nothing_expires():
    for seen in (RUNS, LACKS_NODES, CANNOT_START):
        assert resumes(View(seen=seen, unreachable_since=BEGUN), 1e9, limits=Limits()) is None


def test_a_condition_of_the_previous_wait_continues_to_count_while_it_holds():
    since = Since(lacks_nodes=BEGUN - 99, cannot_start=BEGUN - 49)
    assert resumes(View(seen=LACKS_NODES), 1, since=since) == "schedule_timeout"
    assert resumes(View(seen=CANNOT_START), 1, since=since) == "start_timeout"
    assert resumes(View(seen=RUNS), 1, since=since) is None


def test_a_limit_that_expired_before_the_wait_fires_again_only_after_a_minute():
    since = Since(lacks_nodes=BEGUN - 5000, cannot_start=BEGUN - 50)
    for seen, seconds, why in ((LACKS_NODES, 60, "schedule_timeout"), (CANNOT_START, 50, "start_timeout")):
        assert resumes(View(seen=seen), seconds - 0.1, since=since) is None
        assert resumes(View(seen=seen), seconds, since=since) == why


def test_a_condition_of_the_previous_wait_continues_to_count_before_the_first_report():
    assert resumes(View(), 1, since=Since(lacks_nodes=BEGUN - 99)) == "schedule_timeout"


def test_a_condition_that_did_not_hold_in_between_counts_from_zero():
    wait = waiting()
    wait.decide(View(seen=LACKS_NODES), BEGUN)
    wait.decide(View(seen=RUNS), BEGUN + 90)
    assert wait.since == Since()
    assert wait.decide(View(seen=LACKS_NODES), BEGUN + 100) is None
    assert wait.next_time() == BEGUN + 200


def test_the_next_time_is_that_of_the_first_limit():
    wait = waiting()
    wait.decide(View(seen=CANNOT_START, unreachable_since=BEGUN), BEGUN)
    assert wait.next_time() == BEGUN + 50
    wait.decide(View(seen=RUNS), BEGUN)
    assert wait.next_time() == BEGUN + 500
    unlimited = waiting(limits=Limits())
    unlimited.decide(View(seen=LACKS_NODES), BEGUN)
    assert unlimited.next_time() is None


def test_the_event_has_the_reason_and_the_times():
    wait = waiting()
    wait.decide(View(seen=LACKS_NODES), BEGUN + 1)
    resume = wait.decide(View(seen=LACKS_NODES), BEGUN + 101)
    assert wait.payload(resume) == {
        "why": "schedule_timeout",
        "message": "Job train lacks nodes: Pod a is waiting for a node: Insufficient cpu",
        "since": {"lacks_nodes": BEGUN + 1, "cannot_start": None},
    }


@pytest.mark.parametrize("value", [None, 1, "true", [], {}])
def test_a_field_of_a_wrong_type_counts_as_not_reported(value):
    names = ("finished", "lacks_nodes", "cannot_start")
    assert Seen.read(dict.fromkeys(names, value)) == Seen()
    assert Seen.read({"state": 7, "why": {}, "finished": True}) == Seen(finished=True)

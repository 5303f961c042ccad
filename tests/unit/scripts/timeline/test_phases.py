"""How long each phase of a run took, and which try each Pod is."""

from dataclasses import replace

import pytest
from hypothesis import given
from timeline_objects import drawn_records, pod_run, record

from gke_jobs.timeline.phases import Phase, attempts, job_seconds, job_spans, pod_seconds, pod_spans
from gke_jobs.timeline.record import Outcome

NONE = {"created": None, "scheduled": None, "prepared": None, "started": None, "ended": None}


def spans(pod, **given):
    return [(span.phase.value, span.seconds) for span in pod_spans(pod, record(pod, seconds=120), **given)]


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (
            pod_run(),
            [("queued", 2), ("waiting", 20), ("preparing", 2), ("pulling", 16), ("running", 60)],
        ),
        (pod_run(prepared=None), [("queued", 2), ("waiting", 20), ("pulling", 18), ("running", 60)]),
        (pod_run(prepared=None, started=None, ended=None), [("queued", 2), ("waiting", 20), ("preparing", 98)]),
        (pod_run(started=None, ended=None), [("queued", 2), ("waiting", 20), ("preparing", 2), ("pulling", 96)]),
        (pod_run(**{**NONE, "created": 5}), [("queued", 5), ("waiting", 115)]),
        (pod_run(**NONE), []),
        # The clock of a node is behind.
        (pod_run(scheduled=22, prepared=20, started=19, ended=21), [("queued", 2), ("waiting", 19)]),
    ],
)
def test_the_phases_of_a_pod(pod, expected):
    assert spans(pod) == expected


def test_a_retry_was_not_queued():
    assert spans(pod_run(), attempt=2)[0] == ("waiting", 20)


def failed(number, created, ended, **given):
    times = {"created": created, "scheduled": created, "prepared": None, "started": created, "ended": ended}
    return pod_run(number, outcome=Outcome.FAILED, **times, **given)


@pytest.mark.parametrize(
    ("pods", "tries"),
    [
        ([pod_run(0), pod_run(1)], [1, 1]),
        ([failed(0, 0, 10), failed(1, 10, 20), pod_run(2, created=20)], [1, 2, 3]),
        ([failed(0, 0, 10), pod_run(1, created=5), pod_run(2, created=12)], [1, 1, 2]),
        ([failed(0, 0, 10), pod_run(1, created=11), pod_run(2, created=11)], [1, 2, 1]),
        ([failed(0, 0, 10, index="3"), pod_run(1, index="4"), pod_run(2, created=12, index="3")], [1, 1, 2]),
        ([pod_run(0, ended=10), pod_run(1, created=11)], [1, 1]),  # the next part of the work
    ],
)
def test_which_try_a_pod_is(pods, tries):
    assert list(attempts(pods).values()) == tries


def test_of_pods_of_the_same_second_the_one_that_was_seen_first_is_the_first_try():
    first, second = failed(1, 10, 10), pod_run(0, created=10)
    assert attempts([first, second]) == {first.uid: 1, second.uid: 2}


def test_the_job_is_in_the_phase_of_its_pod_of_most_progress():
    first = failed(0, 2, 30)
    second = pod_run(1, created=40, scheduled=50, prepared=None, started=60, ended=100)
    waiting = pod_run(2, created=20, scheduled=None, prepared=None, started=None, ended=45, outcome=Outcome.REMOVED)
    found = {phase.value: seconds for phase, seconds in job_seconds(record(first, second, waiting)).items() if seconds}
    assert found == {"queued": 2, "running": 68, "waiting": 20, "pulling": 10, "finishing": 20}
    assert [span.phase for span in job_spans(record(first, pod_run(1, created=40)))][2] is Phase.BACKOFF


def phases(made):
    return {phase.value: seconds for phase, seconds in job_seconds(made).items() if seconds}


def gang(number, *, scheduled, started=None, ended=None, **given):
    return pod_run(
        number, created=0, scheduled=scheduled, prepared=None, started=started, ended=ended, index=str(number), **given
    )


@pytest.mark.parametrize(
    ("pods", "wanted", "outcome", "expected"),
    [
        ([gang(0, scheduled=0, started=0), gang(1, scheduled=None)], 2, "timed out", {"waiting": 120}),
        (
            [gang(0, scheduled=0, started=0, ended=100), gang(1, scheduled=30, started=50, ended=110)],
            *(2, "succeeded", {"waiting": 30, "pulling": 20, "running": 60, "finishing": 10}),
        ),
        ([gang(0, scheduled=0, started=0), gang(1, scheduled=10, started=20)], 4, "interrupted", {"queued": 120}),
        # Of those that were not there any more when they were to be seen nothing is known.
        ([gang(0, scheduled=0, started=0, ended=120)], 4, "succeeded", {"running": 120}),
        ([], 4, "timed out", {"queued": 120}),
    ],
)
def test_a_gang_is_in_the_phase_of_its_pod_of_least_progress(pods, wanted, outcome, expected):
    assert phases(record(*pods, gang=wanted, outcome=outcome)) == expected


def test_a_gang_that_has_lost_a_pod_waits_again_for_the_next_one():
    lost = gang(1, scheduled=0, started=0, ended=20, outcome=Outcome.PREEMPTED)
    again = replace(gang(1, scheduled=60, started=60, ended=120), uid="again", created=lost.ended + 10)
    whole = record(gang(0, scheduled=0, started=0, ended=120), lost, again, gang=2)
    assert phases(whole) == {"running": 90, "waiting": 30}


def test_a_job_that_was_suspended_while_it_ran_is_queued_until_it_has_another_pod():
    stopped = pod_run(0, created=0, scheduled=0, prepared=0, started=0, ended=30, outcome=Outcome.REMOVED)
    again = pod_run(1, created=90, scheduled=90, prepared=90, started=90, ended=120)
    found = {phase.value: seconds for phase, seconds in job_seconds(record(stopped, again)).items() if seconds}
    assert found == {"running": 60, "queued": 60}


def test_a_run_without_pods_was_queued():
    assert job_seconds(record(seconds=30))[Phase.QUEUED] == 30


def test_pods_that_ended_in_the_second_of_their_creation_were_not_queued():
    pod = pod_run(created=0, scheduled=0, prepared=None, started=0, ended=0)
    assert {phase.value for phase, seconds in job_seconds(record(pod)).items() if seconds} == {"finishing"}


@given(drawn_records())
def test_the_phases_of_the_job_are_the_whole_time(made):
    assert sum(job_seconds(made).values()) == pytest.approx(made.seconds)
    assert all(seconds >= 0 for seconds in [*job_seconds(made).values(), *pod_seconds(made).values()])

"""How a wait ends: the last Pods, the logs, then the verdict; and the one look of poll-job."""

import pytest
from cluster_objects import NO_ANSWER, Driver, followed, job, pod, status, stuck, waiting

from gke_jobs.following.events import (
    Changed,
    Finish,
    Kind,
    List,
    Listed,
    LogEnded,
    LogPiece,
    Opened,
    StartLog,
    StopLog,
    Tick,
    WatchEnded,
)


def test_a142144_the_verdict_comes_after_the_logs():
    driver = followed(pods=[pod("Running")])
    stream = next(action.stream for action in driver.actions if isinstance(action, StartLog))
    driver.pod(pod("Failed"))
    assert driver.job(job("Failed", status={"failed": 1})) == []
    driver.give(LogPiece(stream, b"2026-01-02T03:04:05Z last\n"))
    again = next(action.stream for action in driver.give(LogEnded(stream, None)) if isinstance(action, StartLog))
    done = driver.give(LogEnded(again, None))
    assert driver.lines == ["abcde | last"]
    assert isinstance(done[-1], Finish)


@pytest.mark.parametrize(("answers", "end_at", "ended"), [(True, 50, 52), (False, 50, 50), (False, 3, 5)])
def test_l4_a_log_of_which_nothing_comes_delays_the_end_by_two_seconds_at_most(answers, end_at, ended):
    driver = followed(pods=[pod("Running")])
    if answers:
        driver.give(*[Opened(action.stream) for action in driver.actions if isinstance(action, StartLog)])
    driver.at(end_at)
    driver.pod(pod("Succeeded"))
    driver.job(job("Complete", status={"succeeded": 1}))
    driver.at(100)
    assert driver.ended_after == (ended, 0)
    assert isinstance(driver.actions[-3], StopLog)


def test_l4_a_log_that_ends_in_errors_delays_the_end_by_two_seconds():
    driver = followed(pods=[pod("Running")])
    failing = status(503)
    seen = 0

    def fail_all():
        nonlocal seen
        begun = [action.stream for action in driver.actions if isinstance(action, StartLog)]
        for stream in begun[seen:]:
            driver.give(LogEnded(stream, failing))
        seen = len(begun)

    for second in range(31):  # by then it is asked for anew every ten seconds
        driver.at(second)
        fail_all()
    driver.pod(pod("Succeeded"))
    driver.job(job("Complete", status={"succeeded": 1}))
    for tenth in range(310, 400):
        fail_all()
        driver.at(tenth / 10)
    assert driver.ended_after[0] <= 32.1
    assert driver.end.status == 0


def test_the_pods_are_listed_once_more_where_the_job_counts_more_of_them():
    driver = followed(pods=[pod("Running")])
    done = driver.job(job("Complete", status={"succeeded": 1}))
    assert done == [List(Kind.PODS)]
    driver.give(Listed(Kind.PODS, [pod("Succeeded")], "8"))
    assert len(driver.core.pods.results()) == 1
    assert driver.end is None
    driver.at(10)
    assert driver.end.status == 0


def test_the_logs_are_read_while_the_pods_are_listed_once_more():
    driver = followed(pods=[pod("Running")])
    stream = next(action.stream for action in driver.actions if isinstance(action, StartLog))
    assert driver.job(job("Complete", status={"succeeded": 1})) == [List(Kind.PODS)]
    driver.give(LogPiece(stream, b"2026-01-02T03:04:05Z last\n"))
    driver.give(Listed(Kind.PODS, [pod("Succeeded")], "8"), LogEnded(stream, None))
    assert driver.lines == ["abcde | last"]


@pytest.mark.parametrize("what", ["silence", "an error"])
def test_a_last_list_that_does_not_come_delays_the_end_by_two_seconds(what):
    driver = followed(pods=[pod("Pending")])
    driver.job(job("Complete", status={"succeeded": 1}))
    if what == "an error":
        driver.give(WatchEnded(Kind.JOB, NO_ANSWER))
        assert driver.end is None
        driver.give(WatchEnded(Kind.PODS, NO_ANSWER))
    driver.at(10)
    assert driver.ended_after == (2 if what == "silence" else 0, 0)


def test_a_watch_that_is_denied_in_the_end_does_not_replace_the_verdict():
    driver = followed(pods=[pod("Running")])
    driver.at(0, Opened(Kind.PODS))
    for second in (1, 10, 59):
        driver.at(second, WatchEnded(Kind.PODS, status(403)))
    driver.job(job("Complete", status={"succeeded": 1}))
    driver.at(61, WatchEnded(Kind.PODS, status(403)))
    driver.at(100)
    assert driver.end.status == 0


def test_after_the_end_nothing_happens():
    driver = followed("Complete")
    assert driver.give(Tick(), Listed(Kind.JOB, [job("Failed")], "7"), Changed(Kind.PODS, "ADDED", stuck())) == []


# poll-job


@pytest.mark.parametrize(
    ("jobs", "code"),
    [
        ([job()], 75),
        ([job("Suspended")], 75),
        ([job("SuccessCriteriaMet")], 75),
        ([job("Complete", status={"succeeded": 3})], 0),
        ([job("Failed")], 1),
        ([], 1),
        ([job(uid="another")], 1),
    ],
)
def test_one_look(jobs, code):
    driver = Driver(is_poll=True, start=None)
    assert driver.actions == [List(Kind.JOB)]
    driver.give(Listed(Kind.JOB, jobs, "5"))
    assert (driver.end.status, driver.end.explain) == (code, False)


def test_one_look_at_pods_that_can_start():
    driver = Driver(is_poll=True, start=60)
    driver.give(Listed(Kind.JOB, [job()], "5"))
    assert driver.end is None
    driver.give(Listed(Kind.PODS, [waiting()], "5"))
    assert driver.end.status == 75


@pytest.mark.parametrize("heals", [True, False])
def test_one_look_at_a_pod_that_cannot_start_lasts_until_it_can_or_never(heals):
    driver = Driver(is_poll=True, start=60)
    driver.listed([job()], [stuck()])
    if heals:
        driver.at(59)
        driver.pod(pod("Running"))
    driver.at(100)
    assert driver.ended_after == ((59, 75) if heals else (60, 78))


def test_one_look_prints_no_log():
    driver = Driver(is_poll=True, start=60)
    driver.listed([job()], [stuck(), pod("Running", name="other")])
    driver.at(59)
    assert not any(isinstance(action, StartLog) for action in driver.actions)

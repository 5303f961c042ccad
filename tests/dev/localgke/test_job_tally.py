"""The Job controller's counts of Pods."""

from types import SimpleNamespace

import pytest

from localgke import job_tally
from localgke.job_pods import FINALIZER, INDEX, INDEX_FAILURES
from localgke.job_tally import Backoff, Retry, Tally


def pod(phase, index=None, counted=False):
    meta = {"name": "p", "namespace": "n", "annotations": {INDEX: str(index)}}
    return {"metadata": {**meta, **({} if counted else {"finalizers": [FINALIZER]})}, "status": {"phase": phase}}


def job(status=(), **spec):
    return {"spec": spec, "status": dict(status)}


def test_pods_that_the_status_counts_are_not_counted_again():
    pods = [pod("Failed"), pod("Failed", counted=True), pod("Succeeded"), pod("Succeeded", counted=True)]
    tally = Tally(job({"failed": 1, "succeeded": 1}), pods)
    assert (tally.failed, tally.succeeded) == (2, 2)


def test_an_index_counts_once_however_many_pods_succeeded_for_it():
    pods = [pod("Succeeded", 1), pod("Succeeded", 2), pod("Succeeded", 2)]
    tally = Tally(job({"completedIndexes": "0,1", "succeeded": 2}, completionMode="Indexed"), pods)
    assert (tally.indexes, tally.succeeded) == ({0, 1, 2}, 3)


def test_an_index_is_retried_up_to_its_backoff_limit():
    pods = [pod("Failed", index) for index in range(3)] + [pod("Running", 2)]
    for number, (found, failures) in enumerate(zip(pods, "0100", strict=True)):
        found["metadata"] |= {
            "uid": f"u{number}",
            "annotations": {**found["metadata"]["annotations"], INDEX_FAILURES: failures},
        }
    tally = Tally(job({"failedIndexes": "5"}, completionMode="Indexed", backoffLimitPerIndex=1), pods)
    assert tally.failed_indexes == {1, 5}
    assert tally.to_follow == {0: Retry("u0", 1)}


def test_each_index_has_a_delay_of_its_own(clock):
    backoff = Backoff(10.0)
    assert backoff.remaining_of(None) == 0
    assert backoff.remaining_of(Retry("u0", 1)) == 10
    clock.now += 4
    assert (backoff.remaining_of(Retry("u0", 1)), backoff.remaining_of(Retry("u1", 2))) == (6, 20)


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(job_tally.time, "monotonic", lambda: clock.now)
    return clock


def test_the_delay_doubles_with_each_failure_up_to_ten_minutes_and_a_success_ends_it(clock):
    backoff, delays = Backoff(10.0), []
    assert backoff.remaining() == 0
    for _ in range(8):
        backoff.note(Tally(job(), [pod("Failed")]))
        delays.append(backoff.remaining())
    assert delays == [10, 20, 40, 80, 160, 320, 600, 600]
    clock.now += 599
    assert backoff.remaining() == 1
    clock.now += 2
    assert backoff.remaining() == 0
    backoff.note(Tally(job(), [pod("Succeeded")]))
    backoff.note(Tally(job(), [pod("Failed")]))
    assert backoff.remaining() == 10

"""The exit codes of the Pods that failed."""

import pytest
from cluster_objects import Driver, container, job, pod

from gke_jobs.following.failures import PodFailure, exit_codes, failure_of

DELETED = {"deletionTimestamp": "2026-01-02T03:04:05Z"}
LIMIT = "BackoffLimitExceeded"
SIDE = {"side": container("ended", code=9)}


def failed(code, **given):
    return pod("Failed", main=container("ended", code=code), **given)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (failed(3), 3),
        (failed(3, others=SIDE), 3),
        (pod("Succeeded"), None),
        (pod("Running"), None),
        (failed(143, metadata=DELETED), None),
        ({}, None),
    ],
)
def test_the_exit_code_of_a_pod_is_that_of_its_program(found, code):
    failure = failure_of(found)
    assert (failure and failure.exit_code) == code


def test_a_pod_that_failed_without_an_exit_code_has_none():
    failure = failure_of(pod("Failed", main=container("new")))
    assert failure is not None
    assert failure.exit_code is None


@pytest.mark.parametrize(
    ("failures", "succeeded", "codes"),
    [
        ([], set(), []),
        ([("", "2", 3), ("", "1", 1)], set(), [3]),
        ([("", "1", 3), ("", "", 137)], set(), [137]),
        ([("", "1", 3), ("", "", None)], set(), []),
        ([("", "", None), ("", "1", 3)], set(), []),
        ([("0", "1", 3), ("1", "2", 4), ("0", "3", 5)], set(), [5, 4]),
        ([("0", "1", 3), ("1", "2", None)], set(), []),
        ([("0", "1", 3), ("1", "2", 4)], {"0"}, [4]),
        ([("", "1", 3)], {"None"}, [3]),
    ],
)
def test_the_last_pod_counts_or_that_of_each_index_that_never_succeeded(failures, succeeded, codes):
    found = [PodFailure(index=index, finished_at=time, exit_code=code) for index, time, code in failures]
    assert exit_codes(found, succeeded, LIMIT) == codes


@pytest.mark.parametrize(
    ("state", "codes"),
    [
        (("Failed", LIMIT), [3]),
        (("FailureTarget", "PodFailurePolicy"), [3]),
        (("Failed", "FailedIndexes"), [3]),
        (("Failed", "MaxFailedIndexesExceeded"), [3]),
        (("Failed", "DeadlineExceeded"), []),
        (("FailureTarget", "DeadlineExceeded"), []),
        (("Suspended", LIMIT), []),
        (None, []),
    ],
)
def test_the_exit_codes_count_only_where_the_job_failed_because_of_a_pod(state, codes):
    driver = Driver()
    driver.listed([job()], [failed(3)])
    driver.job(job(*([state] if state else [])))
    assert driver.core.pods.exit_codes(driver.core.job) == codes


def test_a_job_that_is_deleted_after_a_failure_has_no_exit_codes():
    driver = Driver()
    driver.listed([job()], [failed(3)])
    driver.job(job(), change="DELETED")
    assert driver.core.pods.exit_codes(driver.core.job) == []


def test_a_pod_that_is_removed_later_counts():
    driver = Driver()
    driver.listed([job()], [failed(3)])
    driver.pod(failed(3, metadata=DELETED), change="DELETED")
    driver.job(job(("Failed", LIMIT)))
    assert driver.core.pods.exit_codes(driver.core.job) == [3]

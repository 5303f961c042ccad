"""The exit codes of the Pods that failed."""

import pytest
from cluster_objects import Driver, container, job, pod

from gke_jobs.following.failures import PodFailure, exit_codes, failure_of

DELETED = {"deletionTimestamp": "2026-01-02T03:04:05Z"}
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
        (pod("Failed", main=container("new")), None),
        ({}, None),
    ],
)
def test_the_exit_code_of_a_pod_is_that_of_its_program(found, code):
    failure = failure_of(found)
    assert (failure and failure.exit_code) == code


@pytest.mark.parametrize(
    ("failures", "succeeded", "codes"),
    [
        ([], set(), []),
        ([("", "2", 3), ("", "1", 1)], set(), [3]),
        ([("0", "1", 3), ("1", "2", 4), ("0", "3", 5)], set(), [5, 4]),
        ([("0", "1", 3), ("1", "2", 4)], {"0"}, [4]),
        ([("", "1", 3)], {"None"}, [3]),
    ],
)
def test_the_last_pod_counts_or_that_of_each_index_that_never_succeeded(failures, succeeded, codes):
    found = [PodFailure(index=index, finished_at=time, exit_code=code) for index, time, code in failures]
    assert exit_codes(found, succeeded) == codes


def test_a_pod_that_is_removed_later_counts():
    driver = Driver()
    driver.listed([job()], [failed(3)])
    driver.pod(failed(3, metadata=DELETED), change="DELETED")
    assert driver.core.pods.exit_codes() == [3]

"""Imitates how the Job controller counts finished Pods, and its backoff before the next Pod."""

from __future__ import annotations

import time
from typing import NamedTuple

from localgke.failure_policy import judge
from localgke.job_pods import (
    has_failed,
    index_failures,
    index_of,
    is_indexed,
    is_terminating,
    is_uncounted,
    parse_indexes,
)
from localgke.objects import is_active
from localgke.store import Object

MAX_BACKOFF_SECONDS = 600.0


class Retry(NamedTuple):
    """A retry of an index: the uid of the failed Pod, and the number of failures of the index."""

    uid: str
    failures: int


class Tally:
    """The progress of a Job: its Pods, and the numbers that succeeded and failed, also those not yet in its status."""

    def __init__(self, job: Object, pods: list[Object]):
        status, new = job["status"], [pod for pod in pods if is_uncounted(pod)]
        self.pods = pods
        self.active = [pod for pod in pods if is_active(pod)]
        self.terminating = [pod for pod in pods if is_terminating(pod)]
        self.new_succeeded = [pod for pod in new if pod["status"]["phase"] == "Succeeded"]
        self.new_failed = [pod for pod in new if has_failed(job, pod)]
        self.failed = status.get("failed", 0) + sum(judge(job, pod).action != "Ignore" for pod in self.new_failed)
        self.succeeded = status.get("succeeded", 0) + len(self.new_succeeded)
        self.indexes: set[int] = set()
        if is_indexed(job):
            self.indexes = {*parse_indexes(status.get("completedIndexes", "")), *map(index_of, self.new_succeeded)} - {
                -1
            }
            self.succeeded = len(self.indexes)
        self.failed_indexes: set[int] = set()
        self.to_follow: dict[int, Retry] = {}
        if "backoffLimitPerIndex" in job["spec"]:
            self._count_by_index(job)

    def _count_by_index(self, job: Object) -> None:
        """Separates the indexes that have finally failed from those that get another Pod."""
        self.failed_indexes = {*parse_indexes(job["status"].get("failedIndexes", ""))}
        followed = {*self.indexes, *map(index_of, [*self.active, *self.terminating])}
        for pod in self.new_failed:
            index, action = index_of(pod), judge(job, pod).action
            if index < 0:
                continue
            failures = index_failures(pod) + (action != "Ignore")
            if action == "FailIndex" or failures > job["spec"]["backoffLimitPerIndex"]:
                self.failed_indexes.add(index)
            elif index not in followed:
                self.to_follow[index] = Retry(pod["metadata"]["uid"], failures)


class Backoff:
    """The delay before a Job makes another Pod, which grows with every failure since the last success."""

    def __init__(self, first_seconds: float):
        self._first_seconds = first_seconds
        self._failures = 0
        self._last_failure = 0.0  # monotonic clock
        self._retries: dict[str, float] = {}  # uid of a failed Pod of an index -> when it was first seen

    def note(self, tally: Tally) -> None:
        """Counts the Pods that have ended since the last call."""
        if tally.new_succeeded:
            self._failures = 0
        elif tally.new_failed:
            self._failures += len(tally.new_failed)
            self._last_failure = time.monotonic()

    def remaining(self) -> float:
        """Returns seconds until the next Pod may be made; 0 when it may be made now."""
        if not self._failures:
            return 0.0
        return self._left(self._last_failure, self._failures)

    def remaining_of(self, retry: Retry | None) -> float:
        """Returns the same for an index of a Job with backoffLimitPerIndex; None: it has not failed."""
        if retry is None:
            return 0.0
        return self._left(self._retries.setdefault(retry.uid, time.monotonic()), max(1, retry.failures))

    def _left(self, since: float, failures: int) -> float:
        delay = min(self._first_seconds * 2.0 ** min(failures - 1, 64), MAX_BACKOFF_SECONDS)
        return max(0.0, since + delay - time.monotonic())

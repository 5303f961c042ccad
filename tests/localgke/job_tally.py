"""Imitates what the Job controller adds up: the Pods that have ended, and how long to wait for the next one."""

from __future__ import annotations

import time

from localgke.failure_policy import judge
from localgke.job_pods import has_failed, index_of, is_indexed, is_terminating, is_uncounted, parse_indexes
from localgke.objects import is_active
from localgke.store import Object

MAX_BACKOFF_SECONDS = 600.0


class Tally:
    """Where a Job stands: its Pods, and how many have succeeded and failed, whether its status counts them or not."""

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
            self.indexes = {*parse_indexes(status.get("completedIndexes", "")), *map(index_of, self.new_succeeded)}
            self.succeeded = len(self.indexes)


class Backoff:
    """How long a Job waits before it makes another Pod: longer with every failure since the last success."""

    def __init__(self, first_seconds: float):
        self._first_seconds = first_seconds
        self._failures = 0
        self._last_failure = 0.0  # monotonic clock

    def note(self, tally: Tally) -> None:
        """Takes the Pods into account that have ended; to be told of each once."""
        if tally.new_succeeded:
            self._failures = 0
        elif tally.new_failed:
            self._failures += len(tally.new_failed)
            self._last_failure = time.monotonic()

    def remaining(self) -> float:
        """Seconds until the next Pod may be made; 0 when it may be made now."""
        if not self._failures:
            return 0.0
        delay = min(self._first_seconds * 2.0 ** min(self._failures - 1, 64), MAX_BACKOFF_SECONDS)
        return max(0.0, self._last_failure + delay - time.monotonic())

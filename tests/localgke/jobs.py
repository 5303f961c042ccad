"""Imitates the Job controller and the controller that deletes finished Jobs after their TTL.

As documented at https://kubernetes.io/docs/concepts/workloads/controllers/job/. Its first delay between retries is a
setting. It remembers the Pods that it made, so they need no finalizer until they are counted. Not imitated, so refused
by the API: podFailurePolicy, successPolicy, backoffLimitPerIndex, maxFailedIndexes, managedBy.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from itertools import groupby

from localgke.objects import JOBS, PODS, TERMINAL, condition, delete, is_active, is_true, record, set_condition
from localgke.store import Object, Store, now

COMPONENT = "job-controller"
INDEX = "batch.kubernetes.io/job-completion-index"
MAX_BACKOFF_SECONDS = 600.0
GOALS = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}  # what is decided -> what it becomes
REASONS = {
    "CompletionsReached": "Reached expected number of succeeded pods",
    "BackoffLimitExceeded": "Job has reached the specified backoff limit",
    "DeadlineExceeded": "Job was active longer than specified deadline",
}


class Tally:
    """What became of the Pods of one Job."""

    def __init__(self) -> None:
        self.active: dict[str, int] = {}  # uid of a Pod that has not been counted -> its index, -1 without one
        self.succeeded: list[int] = []  # their indexes
        self.failed = 0
        self.failures_in_a_row = 0
        self.last_failure = 0.0  # monotonic clock

    def count(self, pods: Iterable[Object]) -> None:
        """Counts each Pod that has ended, is being deleted or is gone, once."""
        by_uid = {pod["metadata"]["uid"]: pod for pod in pods}
        for uid, index in list(self.active.items()):
            pod = by_uid.get(uid)
            if pod and is_active(pod):
                continue
            del self.active[uid]
            if pod and pod["status"]["phase"] == "Succeeded":
                self.succeeded.append(index)
                self.failures_in_a_row = 0
            else:
                self.failed += 1
                self.failures_in_a_row += 1
                self.last_failure = time.monotonic()


class JobController:
    """Call `sync` whenever a Job or a Pod has changed."""

    def __init__(self, store: Store, backoff_seconds: float):
        self._store = store
        self._backoff_seconds = backoff_seconds
        self._tallies: dict[str, Tally] = {}

    def sync(self) -> float | None:
        """Brings every Job a step on. Returns in how many seconds time alone will bring the next one."""
        waits = [self._sync_job(job) for job in self._store.list(JOBS) if "deletionTimestamp" not in job["metadata"]]
        return min((seconds for seconds in waits if seconds is not None), default=None)

    def _sync_job(self, job: Object) -> float | None:
        if finished := next((condition(job, verdict) for verdict in GOALS.values() if is_true(job, verdict)), None):
            return self._expire(job, finished)
        uid, status = job["metadata"]["uid"], job["status"]
        tally = self._tallies.setdefault(uid, Tally())
        pods = self._pods(uid)
        tally.count(pods)
        goal = next((kind for kind in GOALS if is_true(job, kind)), None) or self._decide(job, tally, pods)
        seconds = None
        if goal:
            self._delete(job, [pod for pod in pods if is_active(pod)])
            tally.count([])
        else:
            self._suspend_or_resume(job)
            seconds = self._manage(job, tally, pods)
        pods = self._pods(uid)
        numbers = {"active": len(tally.active), "succeeded": len(tally.succeeded), "failed": tally.failed}
        for name, number in numbers.items():
            status.pop(name, None)
            status |= {name: number} if number else {}
        if job["spec"].get("completionMode") == "Indexed":
            status["completedIndexes"] = format_indexes(tally.succeeded)
        status["ready"] = sum(is_true(pod, "Ready") for pod in pods if is_active(pod))
        status["terminating"] = sum(not is_active(pod) and pod["status"]["phase"] not in TERMINAL for pod in pods)
        job = self._store.update(JOBS, job)
        if goal and not job["status"]["terminating"]:
            self._finish(job, goal)
        return seconds

    def _pods(self, uid: str) -> list[Object]:
        """The Pods that a Job controls."""
        return self._store.list(
            PODS, matches=lambda pod: any(item["uid"] == uid for item in pod["metadata"].get("ownerReferences", []))
        )

    def _decide(self, job: Object, tally: Tally, pods: list[Object]) -> str | None:
        """Whether the Job has failed or succeeded by now: the condition that says so, set in `job`."""
        spec = job["spec"]
        limit, completions, succeeded = spec.get("backoffLimit", 6), spec.get("completions"), len(tally.succeeded)
        restarts = sum(
            item["restartCount"]
            for pod in pods
            if is_active(pod) and pod["spec"].get("restartPolicy") == "OnFailure"
            for item in pod["status"].get("containerStatuses", [])
        )
        if tally.failed > limit or (restarts and restarts >= limit):
            goal, reason = "FailureTarget", "BackoffLimitExceeded"
        elif self._seconds_left(job) == 0:
            goal, reason = "FailureTarget", "DeadlineExceeded"
        elif (succeeded and not tally.active) if completions is None else succeeded >= completions:
            goal, reason = "SuccessCriteriaMet", "CompletionsReached"
        else:
            return None
        set_condition(job, goal, "True", reason, REASONS[reason])
        return goal

    @staticmethod
    def _seconds_left(job: Object) -> float | None:
        """Until activeDeadlineSeconds are over, at least 0; None where there is no such moment."""
        seconds, started = job["spec"].get("activeDeadlineSeconds"), job["status"].get("startTime")
        if seconds is None or started is None or job["spec"].get("suspend"):
            return None
        return _seconds_until(started, seconds)

    def _finish(self, job: Object, goal: str) -> None:
        decided = condition(job, goal) or {}
        set_condition(job, GOALS[goal], "True", decided["reason"], decided["message"])
        if goal == "SuccessCriteriaMet":
            job["status"]["completionTime"] = now()
            record(self._store, job, COMPONENT, "Normal", "Completed", "Job completed")
        else:
            record(self._store, job, COMPONENT, "Warning", decided["reason"], decided["message"])
        del self._tallies[job["metadata"]["uid"]]
        self._store.update(JOBS, job)

    def _suspend_or_resume(self, job: Object) -> None:
        suspended = bool(job["spec"].get("suspend"))
        word = "Suspended" if suspended else "Resumed"
        if suspended != is_true(job, "Suspended"):
            set_condition(job, "Suspended", str(suspended), f"Job{word}", f"Job {word.lower()}")
            record(self._store, job, COMPONENT, "Normal", word, f"Job {word.lower()}")
            job["status"].pop("startTime", None)
        if not suspended:
            job["status"].setdefault("startTime", now())

    def _manage(self, job: Object, tally: Tally, pods: list[Object]) -> float | None:
        """Creates the Pods that are missing and deletes those that are too many; the wait is as in `sync`."""
        spec, succeeded = job["spec"], len(tally.succeeded)
        parallelism: int = spec.get("parallelism", 1)
        completions: int | None = spec.get("completions")
        wanted = min(parallelism, completions - succeeded) if completions is not None else parallelism
        if spec.get("suspend"):
            wanted = 0
        elif completions is None and succeeded:
            wanted = len(tally.active)
        surplus = [pod for pod in pods if is_active(pod)][wanted:]
        for pod in surplus:
            tally.active.pop(pod["metadata"]["uid"], None)  # no failure
        self._delete(job, surplus)
        deadline = self._seconds_left(job)
        if tally.failures_in_a_row and len(tally.active) < wanted:
            delay = min(self._backoff_seconds * 2.0 ** (tally.failures_in_a_row - 1), MAX_BACKOFF_SECONDS)
            remaining = tally.last_failure + delay - time.monotonic()
            if remaining > 0:
                return remaining if deadline is None else min(remaining, deadline)
        free = (index for index in range(completions or 0) if index not in {*tally.succeeded, *tally.active.values()})
        while len(tally.active) < wanted:
            index = next(free) if spec.get("completionMode") == "Indexed" else -1
            tally.active[self._create(job, index)] = index
        return deadline

    def _create(self, job: Object, index: int) -> str:
        """Creates a Pod, for an index unless that is -1; returns its uid."""
        meta, template = job["metadata"], copy.deepcopy(job["spec"]["template"])
        pod_meta = template.setdefault("metadata", {})
        suffix = "-" if index < 0 else f"-{index}-"
        pod_meta["generateName"] = meta["name"][: 58 - len(suffix)] + suffix
        pod_meta["namespace"] = meta["namespace"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
        pod_meta["ownerReferences"] = [{**owner, "controller": True, "blockOwnerDeletion": True}]
        if index >= 0:
            for key in ("labels", "annotations"):
                pod_meta.setdefault(key, {})[INDEX] = str(index)
            template["spec"].setdefault("hostname", f"{meta['name']}-{index}"[:63])
            source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
            for container in template["spec"]["containers"]:
                container["env"] = [*container.get("env", []), {"name": "JOB_COMPLETION_INDEX", "valueFrom": source}]
        pod = {"apiVersion": "v1", "kind": "Pod", **template, "status": {"phase": "Pending"}}
        made = self._store.create(PODS, pod)["metadata"]
        record(self._store, job, COMPONENT, "Normal", "SuccessfulCreate", f"Created pod: {made['name']}")
        return str(made["uid"])

    def _delete(self, job: Object, pods: list[Object]) -> None:
        for pod in pods:
            delete(self._store, pod)
            message = f"Deleted pod: {pod['metadata']['name']}"
            record(self._store, job, COMPONENT, "Normal", "SuccessfulDelete", message)

    def _expire(self, job: Object, finished: Object) -> float | None:
        """Deletes a finished Job whose TTL is over; else says when that will be."""
        ttl = job["spec"].get("ttlSecondsAfterFinished")
        if ttl is None:
            return None
        seconds = _seconds_until(finished["lastTransitionTime"], ttl)
        if not seconds:
            delete(self._store, job, "Foreground")
        return seconds


def format_indexes(indexes: Iterable[int]) -> str:
    """{1, 3, 4, 5} -> `1,3-5`; only three or more in a row become a range."""
    parts: list[str] = []
    for _, group in groupby(enumerate(sorted(indexes)), lambda pair: pair[1] - pair[0]):
        run = [index for _, index in group]
        parts += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(index) for index in run]
    return ",".join(parts)


def _seconds_until(start: str, seconds: float) -> float:
    """How long until `seconds` after `start` (RFC 3339); 0 when that is over."""
    began = datetime.fromisoformat(start.replace("Z", "+00:00"))
    return max(0.0, seconds - (datetime.now(timezone.utc) - began).total_seconds())

"""Imitates the Job controller and the controller that deletes finished Jobs after their TTL.

As documented at https://kubernetes.io/docs/concepts/workloads/controllers/job/. Its first delay between retries is a
setting. Every Pod it counts carries a finalizer until it is counted. Not imitated, so refused by the API:
podFailurePolicy, successPolicy, backoffLimitPerIndex, maxFailedIndexes, podReplacementPolicy, managedBy.
"""

from __future__ import annotations

import copy
import time
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from localgke.indexes import completion_indexes, format_indexes, parse_indexes
from localgke.objects import (
    FOREGROUND,
    JOBS,
    PODS,
    TERMINAL,
    condition,
    delete,
    is_active,
    is_true,
    owner_uid,
    record,
    set_condition,
    without_finalizer,
)
from localgke.store import Object, Store, now

WATCHED = (JOBS, PODS)
COMPONENT = "job-controller"
TRACKING = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
MAX_BACKOFF_SECONDS = 600.0
GOALS = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}  # what is decided -> what it becomes
REASONS = {
    "CompletionsReached": "Reached expected number of succeeded pods",
    "BackoffLimitExceeded": "Job has reached the specified backoff limit",
    "DeadlineExceeded": "Job was active longer than specified deadline",
}


class Failures(NamedTuple):
    """The failed Pods of a Job since one last succeeded, and when the newest was seen (monotonic clock)."""

    number: int
    at: float


class JobController:
    """Call `sync` whenever a Job or a Pod has changed."""

    def __init__(self, store: Store, backoff_seconds: float):
        self._store = store
        self._backoff_seconds = backoff_seconds
        self._failures: dict[str, Failures] = {}

    def sync(self) -> float | None:
        """Brings every Job a step on. Returns in how many seconds time alone will bring the next one."""
        pods: dict[str | None, list[Object]] = {}
        for pod in self._store.list(PODS):
            pods.setdefault(owner_uid(pod), []).append(pod)
        waits = [self._sync_job(job, pods.pop(job["metadata"]["uid"], [])) for job in self._store.list(JOBS)]
        for orphan in (pod for rest in pods.values() for pod in rest):
            self._release(orphan)
        return min((seconds for seconds in waits if seconds is not None), default=None)

    def _sync_job(self, job: Object, pods: list[Object]) -> float | None:
        if "deletionTimestamp" in job["metadata"]:
            for pod in pods:
                self._release(pod)
            return None
        for verdict in GOALS.values():
            if is_true(job, verdict):
                return self._expire(job, verdict)
        status = job.setdefault("status", {})
        seconds = None
        self._count(job, pods)
        active = [pod for pod in pods if is_active(pod)]
        goal = next((kind for kind in GOALS if is_true(job, kind)), None)
        if goal is None:
            goal = self._decide(job, pods, active)
        if goal is not None:
            for pod in active:
                self._delete(job, pod)
            active = []
        else:
            self._suspend_or_resume(job)
            active, seconds = self._manage(job, active)
        uid, namespace = job["metadata"]["uid"], job["metadata"]["namespace"]
        pods = self._store.list(PODS, namespace, lambda pod: owner_uid(pod) == uid)
        ending = [pod for pod in pods if not is_active(pod) and pod["status"]["phase"] not in TERMINAL]
        status.pop("active", None)
        status |= {"active": len(active)} if active else {}
        status["ready"] = sum(is_true(pod, "Ready") for pod in active)
        status["terminating"] = len(ending)
        self._store.update(JOBS, job)
        if goal and not ending and not any(TRACKING in pod["metadata"].get("finalizers", []) for pod in pods):
            self._finish(job, goal)
        return seconds

    def _count(self, job: Object, pods: list[Object]) -> None:
        """Counts each Pod that has ended, once, and lets it go."""
        status, uid = job["status"], job["metadata"]["uid"]
        done = parse_indexes(status.get("completedIndexes", ""))
        for pod in pods:
            if is_active(pod) or TRACKING not in pod["metadata"].get("finalizers", []):
                continue
            if pod["status"]["phase"] == "Succeeded":
                self._failures.pop(uid, None)
                index = int(pod["metadata"].get("annotations", {}).get(INDEX, -1))
                if index not in done:
                    status["succeeded"] = status.get("succeeded", 0) + 1
                if index >= 0:
                    done.add(index)
            else:
                status["failed"] = status.get("failed", 0) + 1
                before = self._failures.get(uid, Failures(0, 0))
                self._failures[uid] = Failures(before.number + 1, time.monotonic())
            self._release(pod)
        if job["spec"].get("completionMode") == "Indexed":
            status["completedIndexes"] = format_indexes(done)

    def _decide(self, job: Object, pods: list[Object], active: list[Object]) -> str | None:
        """Whether the Job has failed or succeeded by now: the condition that says so, set in `job`."""
        spec, status = job["spec"], job["status"]
        limit, completions = spec.get("backoffLimit", 6), spec.get("completions")
        restarts = sum(
            item["restartCount"]
            for pod in pods
            if pod["status"]["phase"] in ("Pending", "Running") and pod["spec"].get("restartPolicy") == "OnFailure"
            for key in ("initContainerStatuses", "containerStatuses")
            for item in pod["status"].get(key, [])
        )
        succeeded = status.get("succeeded", 0)
        if status.get("failed", 0) > limit or (restarts and restarts >= limit):
            goal, reason = "FailureTarget", "BackoffLimitExceeded"
        elif self._seconds_left(job) == 0:
            goal, reason = "FailureTarget", "DeadlineExceeded"
        elif (succeeded and not active) if completions is None else succeeded >= completions:
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
        decided = condition(job, goal)
        assert decided is not None
        job = self._store.get(JOBS, job["metadata"]["namespace"], job["metadata"]["name"])
        set_condition(job, GOALS[goal], "True", decided["reason"], decided["message"])
        if goal == "SuccessCriteriaMet":
            job["status"]["completionTime"] = now()
            record(self._store, job, COMPONENT, "Normal", "Completed", "Job completed")
        else:
            record(self._store, job, COMPONENT, "Warning", decided["reason"], decided["message"])
        self._failures.pop(job["metadata"]["uid"], None)
        self._store.update(JOBS, job)

    def _suspend_or_resume(self, job: Object) -> None:
        suspended = bool(job["spec"].get("suspend"))
        if suspended and set_condition(job, "Suspended", "True", "JobSuspended", "Job suspended"):
            record(self._store, job, COMPONENT, "Normal", "Suspended", "Job suspended")
        elif not suspended and is_true(job, "Suspended"):
            set_condition(job, "Suspended", "False", "JobResumed", "Job resumed")
            record(self._store, job, COMPONENT, "Normal", "Resumed", "Job resumed")
            job["status"]["startTime"] = now()
        elif not suspended:
            job["status"].setdefault("startTime", now())

    def _manage(self, job: Object, active: list[Object]) -> tuple[list[Object], float | None]:
        """Creates the Pods that are missing and deletes those that are too many; the wait is as in `sync`."""
        spec, status = job["spec"], job["status"]
        succeeded, completions = status.get("succeeded", 0), spec.get("completions")
        if spec.get("suspend"):
            wanted = 0
        elif completions is None:
            wanted = len(active) if succeeded else spec.get("parallelism", 1)
        else:
            wanted = min(spec.get("parallelism", 1), completions - succeeded)
        for pod in active[wanted:]:
            self._delete(job, self._release(pod))
        active = active[:wanted]
        deadline = self._seconds_left(job)
        failures = self._failures.get(job["metadata"]["uid"])
        if failures and len(active) < wanted:
            delay = min(self._backoff_seconds * 2 ** (failures.number - 1), MAX_BACKOFF_SECONDS)
            remaining = failures.at + delay - time.monotonic()
            if remaining > 0:
                return active, remaining if deadline is None else min(remaining, deadline)
        indexes = completion_indexes(job, [_index(pod) for pod in active])
        while len(active) < wanted:
            active.append(self._create(job, next(indexes, None)))
        return active, deadline

    def _create(self, job: Object, index: int | None) -> Object:
        meta, template = job["metadata"], copy.deepcopy(job["spec"]["template"])
        pod_meta = template.setdefault("metadata", {})
        suffix = "-" if index is None else f"-{index}-"
        pod_meta["generateName"] = meta["name"][: 58 - len(suffix)] + suffix
        pod_meta["namespace"] = meta["namespace"]
        pod_meta["finalizers"] = [TRACKING]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
        pod_meta["ownerReferences"] = [{**owner, "controller": True, "blockOwnerDeletion": True}]
        if index is not None:
            for key in ("labels", "annotations"):
                pod_meta.setdefault(key, {})[INDEX] = str(index)
            template["spec"].setdefault("hostname", f"{meta['name']}-{index}"[:63])
            source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
            for container in (*template["spec"].get("initContainers", []), *template["spec"]["containers"]):
                container["env"] = [*container.get("env", []), {"name": "JOB_COMPLETION_INDEX", "valueFrom": source}]
        pod = {"apiVersion": "v1", "kind": "Pod", **template, "status": {"phase": "Pending"}}
        pod = self._store.create(PODS, pod)
        message = f"Created pod: {pod['metadata']['name']}"
        record(self._store, job, COMPONENT, "Normal", "SuccessfulCreate", message)
        return pod

    def _delete(self, job: Object, pod: Object) -> None:
        delete(self._store, PODS, pod)
        message = f"Deleted pod: {pod['metadata']['name']}"
        record(self._store, job, COMPONENT, "Normal", "SuccessfulDelete", message)

    def _release(self, pod: Object) -> Object:
        if TRACKING in pod["metadata"].get("finalizers", []):
            return self._store.update(PODS, without_finalizer(pod, TRACKING))
        return pod

    def _expire(self, job: Object, verdict: str) -> float | None:
        """Deletes a finished Job whose TTL is over; else says when that will be."""
        ttl, finished = job["spec"].get("ttlSecondsAfterFinished"), condition(job, verdict)
        if ttl is None or finished is None:
            return None
        seconds = _seconds_until(finished["lastTransitionTime"], ttl)
        if seconds > 0:
            return seconds
        delete(self._store, JOBS, job, finalizer=FOREGROUND)
        return None


def _index(pod: Object) -> int:
    return int(pod["metadata"].get("annotations", {}).get(INDEX, -1))


def _seconds_until(start: str, seconds: float) -> float:
    """How long until `seconds` after `start` (RFC 3339); 0 when that is over."""
    end = datetime.fromisoformat(start.replace("Z", "+00:00")) + timedelta(seconds=seconds)
    return max(0.0, (end - datetime.now(timezone.utc)).total_seconds())

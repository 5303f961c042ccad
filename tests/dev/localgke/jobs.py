"""Imitates the Job controller.

It follows Kubernetes 1.36: https://kubernetes.io/docs/concepts/workloads/controllers/job/. The first delay between
retries is a setting. The API refuses what is not imitated: successPolicy, managedBy, manualSelector, a change of
completions.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from localgke.failure_policy import judge
from localgke.job_pods import (
    FINALIZER,
    by_value,
    format_indexes,
    has_failed,
    index_of,
    is_indexed,
    is_terminating,
    is_uncounted,
    new_pod,
    replaces_only_failed,
    restarts,
)
from localgke.job_tally import Backoff, Tally
from localgke.objects import (
    JOBS,
    PODS,
    condition,
    delete,
    is_active,
    is_true,
    record,
    seconds_until,
    set_condition,
    without_finalizer,
)
from localgke.store import Object, Store, now

COMPONENT = "job-controller"
GOALS = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}  # interim condition -> terminal condition


class Goal(NamedTuple):
    """The decided end of a Job: one of GOALS, with the reason and the message of its conditions."""

    kind: str
    reason: str
    message: str


COMPLETED = Goal("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods")
TOO_MANY_FAILURES = Goal("FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
FAILED_INDEXES = Goal("FailureTarget", "FailedIndexes", "Job has failed indexes")
TOO_MANY_INDEXES = Goal(
    "FailureTarget", "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes"
)
TOO_LATE = Goal("FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline")


class JobController:
    """Call `sync` whenever a Job or a Pod has changed."""

    def __init__(self, store: Store, backoff_seconds: float):
        self._store = store
        self._backoff_seconds = backoff_seconds
        self._backoffs: dict[str, Backoff] = {}

    def sync(self) -> float | None:
        """Advances every Job by a step. Returns the seconds until the next step without a change, None without one."""
        jobs = self._store.list(JOBS)
        unfinished = {job["metadata"]["uid"] for job in jobs if not verdict(job)}
        self._backoffs = {uid: backoff for uid, backoff in self._backoffs.items() if uid in unfinished}
        self._release(pod for pod in self._store.list(PODS) if is_uncounted(pod) and not unfinished & _owners(pod))
        waits = [self._sync_job(job) for job in jobs]
        return min((seconds for seconds in waits if seconds is not None), default=None)

    def _sync_job(self, job: Object) -> float | None:
        if verdict(job):
            return None
        uid, spec, status = job["metadata"]["uid"], job["spec"], job["status"]
        staying = "deletionTimestamp" not in job["metadata"]
        if not spec.get("suspend"):
            status.setdefault("startTime", now())
        tally = Tally(job, self._pods(uid))
        backoff = self._backoffs.setdefault(uid, Backoff(self._backoff_seconds))
        if "backoffLimitPerIndex" not in spec:
            backoff.note(tally)
        goal, seconds = self._decide(job, tally), None
        if goal:
            self._delete(job, tally.active)
        else:
            seconds = self._manage(job, tally, backoff) if staying else None
            completions, active = spec.get("completions"), any(map(is_active, self._pods(uid)))
            if not active and (tally.succeeded if completions is None else tally.succeeded >= completions):
                goal = COMPLETED
            elif staying:
                self._suspend_or_resume(job)
        self._track(job, tally, goal)
        return seconds

    def _pods(self, uid: str) -> list[Object]:
        """Returns the Pods that a Job controls."""
        return self._store.list(PODS, matches=lambda pod: uid in _owners(pod))

    def _decide(self, job: Object, tally: Tally) -> Goal | None:
        """Returns the goal that was decided before, or a failure that has occurred since."""
        spec, limit = job["spec"], job["spec"].get("backoffLimit", 6)
        if kind := next((kind for kind in GOALS if is_true(job, kind)), None):
            decided = condition(job, kind) or {}
            return Goal(kind, decided["reason"], decided["message"])
        judged = [judge(job, pod) for pod in tally.pods if has_failed(job, pod)]
        if message := next((found.message for found in judged if found.action == "FailJob"), ""):
            return Goal("FailureTarget", "PodFailurePolicy", message)
        restarted = 0
        if spec["template"]["spec"].get("restartPolicy") == "OnFailure":
            restarted = sum(map(restarts, [*tally.active, *tally.terminating]))
        if tally.failed_indexes:
            if len(tally.failed_indexes) > spec.get("maxFailedIndexes", spec["completions"]):
                return TOO_MANY_INDEXES
            if len(tally.failed_indexes) + len(tally.indexes) == spec["completions"]:
                return FAILED_INDEXES
        if tally.failed > limit or (restarted and restarted >= limit):
            return TOO_MANY_FAILURES
        return TOO_LATE if self._seconds_left(job) == 0 else None

    @staticmethod
    def _seconds_left(job: Object) -> float | None:
        """Returns the seconds until the active deadline, at least 0; None without a deadline."""
        seconds, started = job["spec"].get("activeDeadlineSeconds"), job["status"].get("startTime")
        if seconds is None or started is None or job["spec"].get("suspend"):
            return None
        return seconds_until(started, seconds)

    def _manage(self, job: Object, tally: Tally, backoff: Backoff) -> float | None:
        """Deletes surplus Pods, or creates missing ones; returns a time as `sync` does."""
        spec = job["spec"]
        parallelism: int = spec.get("parallelism", 1)
        completions: int | None = spec.get("completions")
        if spec.get("suspend"):
            wanted = 0
        elif completions is None:
            wanted = len(tally.active) if tally.succeeded else parallelism
        else:
            wanted = max(0, min(parallelism, completions - tally.succeeded - len(tally.failed_indexes)))
        deadline = self._seconds_left(job)
        surplus = by_value(tally.active)[: max(0, len(tally.active) - wanted)]
        if surplus:
            self._delete(job, self._release(surplus))  # they do not count as failures
            return deadline
        ending = tally.terminating if replaces_only_failed(job) else []
        missing = wanted - len(tally.active) - len(ending)
        if missing <= 0:
            return deadline
        if remaining := backoff.remaining():
            return remaining if deadline is None else min(remaining, deadline)
        indexes: Iterable[int | None] = [None] * missing
        waits: dict[int, float] = {}
        if is_indexed(job):
            taken = {*tally.indexes, *tally.failed_indexes, *map(index_of, [*tally.active, *ending])}
            free = [index for index in range(completions or 0) if index not in taken]
            waits = {index: backoff.remaining_of(tally.to_follow.get(index)) for index in free}
            indexes = [index for index in free if not waits[index]]
        for index in islice(indexes, missing):
            retry = None if index is None else tally.to_follow.pop(index, None)
            made = self._store.create(PODS, new_pod(job, index, retry.failures if retry else 0))["metadata"]["name"]
            record(self._store, job, COMPONENT, "Normal", "SuccessfulCreate", f"Created pod: {made}")
        return min((wait for wait in (*waits.values(), deadline) if wait), default=None)

    def _delete(self, job: Object, pods: Iterable[Object]) -> None:
        for pod in pods:
            delete(self._store, pod)
            message = f"Deleted pod: {pod['metadata']['name']}"
            record(self._store, job, COMPONENT, "Normal", "SuccessfulDelete", message)

    def _release(self, pods: Iterable[Object]) -> list[Object]:
        """Removes the finalizer from Pods that are counted, or will not be."""
        return [self._store.update(PODS, without_finalizer(pod, FINALIZER)) for pod in pods]

    def _suspend_or_resume(self, job: Object) -> None:
        suspended, status = bool(job["spec"].get("suspend")), job["status"]
        if suspended == is_true(job, "Suspended"):
            return
        word = "Suspended" if suspended else "Resumed"
        set_condition(job, "Suspended", str(suspended), f"Job{word}", f"Job {word.lower()}")
        record(self._store, job, COMPONENT, "Normal", word, f"Job {word.lower()}")
        status.pop("startTime", None)
        if not suspended:
            status["startTime"] = now()

    def _track(self, job: Object, tally: Tally, goal: Goal | None) -> None:
        """Updates the status, counts the finished Pods and removes their finalizers, and ends the Job.

        A client sees two steps: Pods are in uncountedTerminatedPods until their finalizers are removed.
        """
        status, pods = job["status"], self._pods(job["metadata"]["uid"])
        active = [pod for pod in pods if is_active(pod)]
        terminating = sum(map(is_terminating, pods))
        status |= {"active": len(active), "ready": sum(is_true(pod, "Ready") for pod in active)}
        status["terminating"] = terminating
        if is_indexed(job):
            status |= {"succeeded": tally.succeeded, "completedIndexes": format_indexes(tally.indexes)}
        if "backoffLimitPerIndex" in job["spec"]:
            status["failedIndexes"] = format_indexes(tally.failed_indexes)
        if goal and not is_true(job, goal.kind):
            set_condition(job, goal.kind, "True", goal.reason, goal.message)
        unfollowed = {retry.uid for retry in tally.to_follow.values()}
        done = [pod for pod in pods if goal or (self._is_done(job, pod) and pod["metadata"]["uid"] not in unfollowed)]
        released = [pod for pod in done if is_uncounted(pod)]
        ended = self._ended(job, released, goal)
        status["uncountedTerminatedPods"] = {key: uids for key, uids in ended.items() if uids}
        job = self._write(job)
        self._release(released)
        status = job["status"]
        status["uncountedTerminatedPods"] = {}
        for key, uids in ended.items():
            status[key] = status.get(key, 0) + len(uids)
        if goal and not terminating:
            self._finish(job, goal)
        self._write(job)

    @staticmethod
    def _is_done(job: Object, pod: Object) -> bool:
        going = "deletionTimestamp" in job["metadata"]
        return going or pod["status"]["phase"] == "Succeeded" or has_failed(job, pod)

    @staticmethod
    def _ended(job: Object, pods: list[Object], goal: Goal | None) -> dict[str, list[str]]:
        """Returns the uids of the Pods to count. When a Job fails, its running Pods count as failed."""
        ended: dict[str, list[str]] = {"succeeded": [], "failed": []}
        for pod in pods:
            uid, succeeded = pod["metadata"]["uid"], pod["status"]["phase"] == "Succeeded"
            failed = not succeeded and (has_failed(job, pod) or (goal and goal.kind == "FailureTarget"))
            if succeeded and not is_indexed(job):  # otherwise its index was counted
                ended["succeeded"].append(uid)
            elif failed and judge(job, pod).action != "Ignore":
                ended["failed"].append(uid)
        return ended

    def _finish(self, job: Object, goal: Goal) -> None:
        set_condition(job, GOALS[goal.kind], "True", goal.reason, goal.message)
        if goal.kind == "SuccessCriteriaMet":
            job["status"]["completionTime"] = now()
            record(self._store, job, COMPONENT, "Normal", "Completed", "Job completed")
        else:
            record(self._store, job, COMPONENT, "Warning", goal.reason, goal.message)

    def _write(self, job: Object) -> Object:
        """Stores the status without empty fields, as in the API's JSON."""
        for key in ("active", "succeeded", "failed", "completedIndexes"):
            if not job["status"].get(key):
                job["status"].pop(key, None)
        return self._store.update(JOBS, job)


def verdict(job: Object) -> Object | None:
    """Returns the terminal condition of the Job, None before its end."""
    return next((condition(job, kind) for kind in GOALS.values() if is_true(job, kind)), None)


def _owners(obj: Object) -> set[str]:
    return {item["uid"] for item in obj["metadata"].get("ownerReferences", [])}

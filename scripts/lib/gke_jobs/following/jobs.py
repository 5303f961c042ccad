"""The follower's view of a Job, from its JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gke_jobs import exit_codes
from gke_jobs.following.events import Action, Message, warning
from gke_jobs.json_access import Json, at, dict_at, int_at, text_at, true_conditions
from gke_jobs.labels import GANG, QUEUE
from gke_jobs.plain_text import is_name, one_line

UNLIMITED = 2**31 - 1  # the backoffLimit that Kubernetes sets if backoffLimitPerIndex applies


@dataclass(frozen=True, kw_only=True)
class Job:
    """One state of a Job.

    uid: '' for an object that is no Job
    state: the first of Complete, Failed, SuccessCriteriaMet, FailureTarget, Suspended that is True, else ''
    reason: the message of that condition, one line; code: its reason, one word
    wanted: how many Pods it should have now; lost: how many indexes failed permanently
    """

    uid: str
    state: str
    reason: str
    code: str
    deleting: bool
    active: int
    succeeded: int
    failed: int
    wanted: int
    lost: int
    started: bool
    backoff_limit: int
    completions: int | None
    indexed: bool
    gang: bool
    queue: str

    @property
    def is_finished(self) -> bool:
        """Whether it is Complete or Failed."""
        return self.state in ("Complete", "Failed")

    @property
    def is_ending(self) -> bool:
        """Whether no more Pods of it will start."""
        return self.is_finished or self.deleting or self.state in ("SuccessCriteriaMet", "FailureTarget")


STATES = ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget", "Suspended")


def read_job(job: Json) -> Job:
    """Return the view of a Job."""
    conditions = true_conditions(job)
    state = next((state for state in STATES if state in conditions), "")
    condition = conditions.get(state, {})
    parallelism = int_at(job, "spec", "parallelism")
    completions = at(job, "spec", "completions")
    completions = completions if isinstance(completions, int) and not isinstance(completions, bool) else None
    succeeded = int_at(job, "status", "succeeded")
    lost = _count(text_at(job, "status", "failedIndexes"))
    left = parallelism if completions is None else max(0, completions - succeeded - lost)
    if completions is None and succeeded:  # a work queue: after a success no more Pods are created
        left = 0
    queue = text_at(dict_at(job, "metadata", "labels"), QUEUE)
    uid = text_at(job, "metadata", "uid")
    return Job(
        uid=uid if is_name(uid) else "",
        state=state,
        reason=one_line(text_at(condition, "message") or text_at(condition, "reason")),
        code=one_line(text_at(condition, "reason")),
        deleting=bool(text_at(job, "metadata", "deletionTimestamp")),
        active=int_at(job, "status", "active"),
        succeeded=succeeded,
        failed=int_at(job, "status", "failed"),
        wanted=min(parallelism, left),
        lost=lost,
        started=bool(text_at(job, "status", "startTime")),
        backoff_limit=int_at(job, "spec", "backoffLimit"),
        completions=completions,
        indexed=text_at(job, "spec", "completionMode") == "Indexed",
        gang=text_at(dict_at(job, "metadata", "annotations"), GANG) == "true",
        queue=queue if is_name(queue) else "",
    )


def _count(indexes: str) -> int:
    """Return the number of completion indexes in a text of Kubernetes, such as 1,3-5."""
    ranges = re.finditer(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", indexes)
    return sum(int(last or first) - int(first) + 1 for first, last in (found.groups() for found in ranges))


def removal_outcome(last: Job | None, how: str, unfinished: str, *, is_succeeding: bool) -> tuple[int, str]:
    """Return how a removed Job ended, by its last state that was seen: exit code and text."""
    if is_succeeding:
        return exit_codes.SUCCEEDED, f"had met its success criteria and {how}"
    if last is not None and last.state == "FailureTarget":
        return exit_codes.JOB_FAILED, f"was failing and {how}: {last.reason}"
    return exit_codes.JOB_FAILED, unfinished


def unfinished_message(name: str, job: Job) -> str:
    """Return the message about an unfinished Job that is read only once."""
    state = "suspended" if job.state == "Suspended" else "not finished"
    return f"Job {name} is {state}; Pods: {job.active} active, {job.succeeded} succeeded, {job.failed} failed"


def change_messages(name: str, before: Job | None, job: Job) -> Iterator[Action]:
    """Yield messages about the changes of a Job. before: its previous state, None if there is none."""
    state, was = job.state, before.state if before else None
    if state == "SuccessCriteriaMet":
        return
    if state == "FailureTarget":
        if was != state:
            yield warning(f"Job {name} is failing: its Pods are being terminated")
    elif state == "Suspended":
        if was != state:
            until = f"Kueue admits it from queue {job.queue}" if job.queue else "it is resumed"
            yield Message(f"Job {name} is suspended: it waits until {until}")
    elif (before.failed if before else 0) < job.failed <= job.backoff_limit:  # beyond the limit the Job will fail
        if job.backoff_limit < UNLIMITED:
            yield warning(f"Job {name} continues after a failure: retry {job.failed} of {job.backoff_limit}")
        elif job.lost > (before.lost if before else 0):
            yield warning(f"Job {name} continues without the permanently failed indexes: {job.lost} so far")
        else:
            yield warning(f"Job {name} continues after a failure: failed Pods so far: {job.failed}")
    elif was in (None, "Suspended"):
        yield Message(f"Job {name} is active")

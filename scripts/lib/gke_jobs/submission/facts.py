"""Reads the facts about an existing Job and its Pods on which the decision of submit-job depends."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gke_jobs import labels
from gke_jobs.json_access import Json, at, count_at, is_owned_by, list_at, text_at, true_conditions

PROFILE = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*")  # as in rendering/profiles.py
MAX_LOST_ATTEMPTS = 999_999  # the maximum of a count
DISRUPTION = "DisruptionTarget"  # condition of a Pod, and in the message of a Job that fails because of one
FAILED = frozenset({"Failed", "FailureTarget"})
ENDED = FAILED | {"Complete"}
SUCCEEDED = frozenset({"Complete", "SuccessCriteriaMet"})


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The existing Job. Its texts are untrusted, because anybody may have created it."""

    uid: str
    identity: str = ""
    hash: str = ""
    profile: str = ""  # '' also for an invalid name
    collected: bool = False
    deleting: bool = False
    conditions: frozenset[str] = frozenset()  # types of the conditions that are True
    oom_killed: bool = False  # whether a container of its Pods was OOMKilled
    lost: bool = False  # whether it failed because of preemption
    lost_attempts: int = 0  # number of earlier attempts with the same profile that were lost
    unscheduled: int = 0  # seconds without nodes after which run-job has ended it; 0: it has not
    try_number: int = 0  # the try of the task that has created it; 0: not known


def read_facts(job: Json, pods: list[Json]) -> Facts:
    """Return the facts about a Job from its API object and those of its Pods."""
    uid, profile = text_at(job, "metadata", "uid"), text_at(job, "metadata", "annotations", labels.PROFILE)
    succeeded = SUCCEEDED & true_conditions(job).keys()
    return Facts(
        uid=uid,
        identity=text_at(job, "metadata", "labels", labels.IDENTITY),
        hash=text_at(job, "metadata", "annotations", labels.MANIFEST_HASH),
        profile=profile if PROFILE.fullmatch(profile) else "",
        collected=bool(text_at(job, "metadata", "annotations", labels.COLLECTED)),
        deleting=bool(at(job, "metadata", "deletionTimestamp")),
        conditions=frozenset(true_conditions(job)),
        oom_killed=any(_was_oom_killed(pod) for pod in pods if is_owned_by(pod, uid)),
        lost=_was_preempted(job, [pod for pod in pods if is_owned_by(pod, uid)]),
        lost_attempts=min(count_at(job, "metadata", "annotations", labels.LOST_ATTEMPTS), MAX_LOST_ATTEMPTS),
        unscheduled=0 if succeeded else count_at(job, "metadata", "annotations", labels.UNSCHEDULED),
        try_number=count_at(job, "metadata", "annotations", labels.TRY_NUMBER),
    )


def _was_oom_killed(pod: Json) -> bool:
    statuses = list_at(pod, "status", "initContainerStatuses") + list_at(pod, "status", "containerStatuses")
    return any(
        text_at(status, state, "terminated", "reason") == "OOMKilled"
        for status in statuses
        for state in ("state", "lastState")
    )


def _was_preempted(job: Json, pods: list[Json]) -> bool:
    """Whether the Job failed because its Pods were preempted, evicted or drained, by the Pods that still exist."""
    conditions = true_conditions(job)
    condition = conditions.get("Failed", conditions.get("FailureTarget"))
    reason = text_at(condition, "reason")
    disrupted = [pod for pod in pods if DISRUPTION in true_conditions(pod)]
    if reason == "PodFailurePolicy":
        return f"has condition {DISRUPTION} matching" in text_at(condition, "message")
    if reason == "BackoffLimitExceeded":
        return bool(disrupted) and not any(
            text_at(pod, "status", "phase") == "Failed" for pod in pods if pod not in disrupted
        )
    return reason == "DeadlineExceeded" and bool(disrupted)

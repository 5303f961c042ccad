"""Determines the phase of one Pod from its JSON."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from gke_jobs.containers import Container, containers
from gke_jobs.following.phases import Phase
from gke_jobs.json_access import Json, int_at, list_at, text_at
from gke_jobs.plain_text import parse_time

ENDED = {"Failed": Phase.FAILED, "Succeeded": Phase.SUCCEEDED, "Unknown": Phase.UNKNOWN}
# Reasons for a container to wait that may be permanent.
CANNOT_START = {
    *("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"),
    *("RegistryUnavailable", "SignatureValidationFailed"),
    *("CreateContainerConfigError", "CreateContainerError", "RunContainerError"),
}
MISSING_CLAIM = re.compile(r'persistentvolumeclaim "[^"]+" not found')  # in the words of the scheduler
CRASHES = "CrashLoopBackOff"
MAX_GRACE_SECONDS = 10**9


def phase_of(pod: Json) -> Phase:
    """Return the phase of a Pod that exists. A deletion in progress is not a phase."""
    phase = text_at(pod, "status", "phase")
    if phase in ENDED:
        return ENDED[phase]
    found = containers(pod)
    if phase == "Running":
        return Phase.RESTARTING if any(_crashes(one) and one.kind != "sidecar" for one in found) else Phase.RUNNING
    if phase != "Pending":
        return Phase.UNKNOWN
    if not text_at(pod, "spec", "nodeName"):
        return Phase.STUCK if missing_claim(pod) else Phase.WAITING
    if any(text_at(one.waiting, "reason") in CANNOT_START for one in found) or _has_no_sandbox(pod):
        return Phase.STUCK
    return Phase.RESTARTING if any(map(_crashes, found)) else Phase.STARTING


def scheduler_message(pod: Json) -> str:
    """Return why no node takes a Pod, not sanitized; '' if the scheduler has given no reason."""
    for condition in list_at(pod, "status", "conditions"):
        if text_at(condition, "type") == "PodScheduled" and text_at(condition, "status") == "False":
            return text_at(condition, "message")
    return ""


def missing_claim(pod: Json) -> str:
    """Return the scheduler's message about a missing PersistentVolumeClaim, '' if there is none."""
    found = MISSING_CLAIM.search(scheduler_message(pod))
    return found[0] if found else ""


def was_disrupted(pod: Json) -> str:
    """Return why others were ending a Pod that then ended, '' if nobody was.

    Such a Pod may have succeeded only in part. The text is the reason of its condition DisruptionTarget, or `deleted`.
    """
    ends = [end for one in containers(pod) if (end := parse_time(one.ended.get("finishedAt")))]
    finished = max(ends, default=None)
    for condition in list_at(pod, "status", "conditions"):
        if text_at(condition, "type") == "DisruptionTarget" and text_at(condition, "status") == "True":
            since = parse_time(text_at(condition, "lastTransitionTime"))
            if not (since and finished and since > finished):
                return text_at(condition, "reason") or "disrupted"
    deleted = _deleted(pod)
    return "deleted" if deleted and not (finished and finished < deleted) else ""


def was_deleted_first(pod: Json) -> bool:
    """Return whether a Pod was deleted before it failed, as the Pods of a suspended Job are.

    Its last states do not show that: after its containers have ended, the kubelet changes the time of the deletion.
    """
    ends = [end for one in containers(pod) if one.has_failed and (end := parse_time(one.ended.get("finishedAt")))]
    deleted = _deleted(pod)
    return deleted is not None and all(end >= deleted for end in ends)


def _deleted(pod: Json) -> datetime | None:
    """Return when the deletion of a Pod was requested, computed from its deadline in the API."""
    until = parse_time(text_at(pod, "metadata", "deletionTimestamp"))
    grace = min(max(int_at(pod, "metadata", "deletionGracePeriodSeconds"), 0), MAX_GRACE_SECONDS)
    try:
        return until - timedelta(seconds=grace) if until else None
    except OverflowError:  # outside of the range of datetime
        return until


def _crashes(container: Container) -> bool:
    return text_at(container.waiting, "reason") == CRASHES


def _has_no_sandbox(pod: Json) -> bool:
    """Whether the kubelet reports why it cannot create the sandbox of the Pod: its network, its volumes."""
    return any(
        text_at(condition, "type") == "PodReadyToStartContainers"
        and text_at(condition, "status") == "False"
        and text_at(condition, "message") != ""
        for condition in list_at(pod, "status", "conditions")
    )

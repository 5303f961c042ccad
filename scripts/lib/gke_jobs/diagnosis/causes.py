"""The cause of the failure of a Pod, or of the wait of a Job, in one line."""

from __future__ import annotations

from gke_jobs.diagnosis.diagnosis import LEAST_URGENT, URGENCY, events_about, pod_groups, pod_title
from gke_jobs.diagnosis.images import image_problem
from gke_jobs.diagnosis.pod_facts import facts
from gke_jobs.diagnosis.refusals import refusal
from gke_jobs.diagnosis.seen import Seen
from gke_jobs.following.mounts import SUMMARY
from gke_jobs.following.phases import Phase
from gke_jobs.following.pods import phase_of
from gke_jobs.json_access import Json, at, text_at
from gke_jobs.plain_text import escaped


def cause(seen: Seen) -> str:
    """Return in one line why a Pod of the Job failed, or what it waits for; '' if that is not known.

    Of several failed Pods, the last one counts, without those that were deleted.
    """
    if refused := refusal(seen):
        return escaped(f"{'more Pods cannot' if seen.pods else 'no Pod can'} be created: {refused}")
    pods = [group[0] for group in pod_groups(seen.pods or [])]
    return escaped(next(filter(None, (_of_pod(seen, pod) for pod in sorted(pods, key=_urgency_of))), ""))


def _urgency_of(pod: Json) -> tuple[int, bool]:
    return URGENCY.get(phase_of(pod), LEAST_URGENT), bool(at(pod, "metadata", "deletionTimestamp"))


def _of_pod(seen: Seen, pod: Json) -> str:
    known = facts(pod)
    if phase_of(pod) is Phase.STUCK and (
        problem := image_problem(pod, seen.events_of(text_at(pod, "metadata", "uid")))
    ):
        return f"{problem.message} ({pod_title(pod)}: {problem.container})"
    lines = known.lines or [event.message for event in reversed(events_about(seen, pod, known))]
    found = next((line for line in lines if SUMMARY not in line), "".join(lines[:1]))
    return f"{pod_title(pod)}: {found}" if found else ""

"""Why the Job controller cannot create Pods: a quota, a policy, an object that is missing."""

from __future__ import annotations

import re

from gke_jobs.diagnosis.pod_facts import facts
from gke_jobs.diagnosis.seen import Seen
from gke_jobs.event_times import last_seen
from gke_jobs.following.phases import Phase
from gke_jobs.following.pods import phase_of
from gke_jobs.json_access import text_at, true_conditions
from gke_jobs.plain_text import one_line, parse_time

PREFIX = re.compile(r'Error creating: (?:pods "[^"]*" is forbidden: )?')
HEALTHY = (Phase.WAITING, Phase.STARTING, Phase.RUNNING, Phase.SUCCEEDED)


def refusal(seen: Seen) -> str:
    """Return why the last attempt to create a Pod failed, in the words of the API server; '' if it succeeded."""
    if not seen.job or "Complete" in true_conditions(seen.job):
        return ""
    events = [event for event in seen.events_of(seen.uid) if text_at(event, "reason") == "FailedCreate"]
    if not events:
        return ""
    newest = max(events, key=last_seen)
    if any(phase_of(pod) not in HEALTHY or facts(pod).of_pod for pod in seen.pods or []):
        return ""  # Pods that failed or were ended by others take precedence
    created = [parse_time(text_at(pod, "metadata", "creationTimestamp")) for pod in seen.pods or []]
    if any(time and time >= last_seen(newest) for time in created):
        return ""
    return PREFIX.sub("", one_line(text_at(newest, "message")))

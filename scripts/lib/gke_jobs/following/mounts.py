"""Finds out why a Pod with a node does not start: a missing Secret or ConfigMap of a volume, a disk, the network.

Only the Events of a Pod have the reason, not its status. They are read only while a Pod takes long to start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from gke_jobs.event_times import last_seen
from gke_jobs.following.events import Action
from gke_jobs.following.jobs import Job
from gke_jobs.following.pods_seen import PodsSeen
from gke_jobs.json_access import Json, is_uid, text_at
from gke_jobs.plain_text import one_line

# Seconds until the Events of a starting Pod are read, and between further reads. The last one keeps a long wait below
# two requests a minute; the watches need 1.7.
PAUSES = (10.0, 15.0, 30.0, 60.0, 120.0, 300.0)
VOLUME_PROBLEMS = {"FailedMount", "FailedMapVolume", "FailedAttachVolume", "FailedCreatePodSandBox"}
STARTS = {"Pulling", "Pulled", "Created", "Started"}  # reasons of Events that come after the volumes are ready
SUMMARY = "Unable to attach or mount volumes"  # a message without a cause
MISSING = re.compile(
    r'^(\(combined from similar events\): )?MountVolume\.SetUp failed .*(secret|configmap) "[^"]+" not found'
)
RETRY = timedelta(seconds=180)  # the kubelet tries a volume again after two minutes at the latest


class Mounts:
    """Tracks whether a Pod waits for its volumes: the Pod that has been starting for longest.

    read_at: when to read its Events; awaits_events: whether a read of its Events is in progress
    """

    def __init__(self, *, once: bool) -> None:
        self.read_at: float | None = None
        self.awaits_events = False
        self._first = 0.0 if once else PAUSES[0]
        self._uid, self._reads, self._last_read_at = "", 0, float("-inf")
        self._mounted: set[str] = set()  # Pods whose volumes are ready, by their Events

    def next_pod_to_read(self, job: Job, pods: PodsSeen, now: float) -> str:
        """Return the uid of the Pod whose Events must be read now, '' for none."""
        waiting = [] if job.is_ending else pods.waiting_for_volumes()
        record = next((one for one in waiting if one.pod.uid not in self._mounted and is_uid(one.pod.uid)), None)
        if record is None:
            self.read_at = None
            return ""
        if self.read_at is None or record.pod.uid != self._uid:
            self._uid, self._reads = record.pod.uid, 0
            self.read_at = max(record.since + self._first, self._last_read_at + PAUSES[0])
        if now < self.read_at:
            return ""
        self._reads = min(self._reads + 1, len(PAUSES) - 1)
        self._last_read_at, self.read_at, self.awaits_events = now, now + PAUSES[self._reads], True
        return self._uid

    def read(self, uid: str, events: Sequence[Json] | None, pods: PodsSeen, now: float) -> Iterator[Action]:
        """Process the Events of a Pod."""
        self.awaits_events = False
        if events is None:
            return
        ours = [event for event in events if text_at(event, "involvedObject", "uid") == uid]
        if any(text_at(event, "reason") in STARTS for event in ours):
            self._mounted.add(uid)
            ours = []
        problem = _find_problem(ours)
        is_missing = MISSING.search(text_at(problem, "message")) is not None
        message = f"{text_at(problem, 'reason')}: {one_line(text_at(problem, 'message'))}" if problem else ""
        yield from pods.set_volume_problem(uid, message, is_missing=is_missing, now=now)


def _find_problem(events: Sequence[Json]) -> Json:
    """Return the Event that best explains why a Pod does not start now, None if there is none."""
    found = sorted((event for event in events if text_at(event, "reason") in VOLUME_PROBLEMS), key=last_seen)
    causes = [event for event in found if not text_at(event, "message").startswith(SUMMARY)]
    for event in reversed(causes):
        # If two volumes fail, the kubelet may retry one sooner than the other.
        if MISSING.search(text_at(event, "message")) and last_seen(causes[-1]) - last_seen(event) <= RETRY:
            return event
    return next(reversed(causes or found), None)

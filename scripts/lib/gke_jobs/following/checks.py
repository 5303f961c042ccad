"""One check of a Job, for a caller that waits elsewhere: its reads, and its verdict while the Job is not finished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gke_jobs import exit_codes
from gke_jobs.following.clocks import Clocks
from gke_jobs.following.creation import Creation
from gke_jobs.following.events import Action, Finish, Kind, Listed, ReadEvents
from gke_jobs.following.jobs import Job
from gke_jobs.following.mounts import Mounts
from gke_jobs.following.pods_seen import PodsSeen

LIST_SECONDS = 30.0  # a check reads the lists for at least this time, even if the timeout of the wait has expired


@dataclass
class Check:
    """The state of one check.

    job: the name of the Job; start: the start of the check, in monotonic seconds
    messages: messages about the Pods, logged if the check ends the wait
    lists: the lists that were read
    """

    job: str
    start: float
    clocks: Clocks
    pods: PodsSeen
    creation: Creation
    mounts: Mounts
    messages: list[Action] = field(default_factory=list)
    lists: dict[Kind, Listed] = field(default_factory=dict)
    _has_requested_events: bool = False

    def store_list(self, event: Listed) -> dict[Kind, Listed]:
        """Store a list. Return all lists once all have arrived, because the verdict depends on which logs exist."""
        self.lists[event.kind] = event
        return self.lists if len(self.lists) == len(Kind) else {}

    def event_requests(self, job: Job, now: float) -> Iterator[Action]:
        """Request the needed Events once: those of the Job, and those of one Pod that may wait for its volumes."""
        if self._has_requested_events:
            return
        self._has_requested_events = True
        if uid := self.mounts.next_pod_to_read(job, self.pods, now):
            yield ReadEvents(uid)
        if self.creation.needs_events(job, self.pods, now):
            yield ReadEvents(job.uid)

    def times_out_at(self) -> float | None:
        """Return when the timeout of the wait ends a check whose lists or Events have not arrived."""
        return None if self.clocks.ends_at is None else max(self.clocks.ends_at, self.start + LIST_SECONDS)

    def verdict(self, job: Job | None, now: float) -> Finish | None:
        """Return the verdict about an unfinished Job: an expired timeout, or 75. None while data is missing."""
        times_out_at = self.times_out_at()
        is_reading = job is None or self.creation.awaits_events or self.mounts.awaits_events
        if is_reading and (times_out_at is None or now < times_out_at):
            return None
        for action in self.clocks.check(job, self.pods, self.creation, now):
            if isinstance(action, Finish):
                return action
        stuck = [f"{record.pod.title} {record.pod.message}" for record in self.pods.stuck()[:1]]
        reasons = stuck or [self.pods.waiting_message()]
        reasons += ["it is suspended"] if job is not None and job.state == "Suspended" else []
        reason = "; ".join(filter(None, [self.clocks.progress(self.pods, now), *reasons]))
        return Finish(exit_codes.NOT_FINISHED, reason, explain=False)

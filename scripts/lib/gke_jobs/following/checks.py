"""One check of a Job for a caller that waits elsewhere: what it reads, and how it ends if the Job has not ended."""

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

ANSWER_SECONDS = 30.0  # for the lists to arrive, if the whole wait had already timed out


@dataclass
class Check:
    """The state of one check.

    job: its name; start: of the check; messages: about the Pods, logged if the check ends the wait
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
    _has_asked: bool = False

    def take(self, event: Listed) -> dict[Kind, Listed]:
        """Store a list; return all lists once all have arrived: a verdict needs to know which logs exist."""
        self.lists[event.kind] = event
        return self.lists if len(self.lists) == len(Kind) else {}

    def asks(self, job: Job, now: float) -> Iterator[Action]:
        """Request once the Events that are needed: of the Job, and of one Pod that may wait for its volumes."""
        if self._has_asked:
            return
        self._has_asked = True
        if uid := self.mounts.next_pod_to_read(job, self.pods, now):
            yield ReadEvents(uid)
        if self.creation.should_ask(job, self.pods, now):
            yield ReadEvents(job.uid)

    def times_out_at(self) -> float | None:
        """Return when the timeout of the whole wait ends a check whose lists or Events do not arrive."""
        return None if self.clocks.ends_at is None else max(self.clocks.ends_at, self.start + ANSWER_SECONDS)

    def verdict(self, job: Job | None, now: float) -> Finish | None:
        """Return how the check of an unfinished Job ends, by a clock or with 75; None while data is missing."""
        times_out_at = self.times_out_at()
        is_reading = job is None or self.creation.is_asking or self.mounts.is_asking
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

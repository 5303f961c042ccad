"""Finds out why a Job lacks Pods: a quota, a policy, a webhook, a missing service account.

Only the Events of a Job have the reason, not its status. They are read only while Pods are missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gke_jobs.errors import Meaning, Verdict, explain_pod_creation_failure, sentence
from gke_jobs.following.events import Action, warning
from gke_jobs.following.jobs import Job
from gke_jobs.following.phases import Phase
from gke_jobs.following.pods_seen import LIVE, PodsSeen
from gke_jobs.json_access import Json, text_at
from gke_jobs.quota import quota_advice

PAUSES = (2.0, 5.0, 15.0, 30.0)  # seconds until the Events are read, and between further reads
LONGEST_BACKOFF = 360.0  # seconds from a failure until Kubernetes creates the next Pod, at most


class Creation:
    """Whether the Pods of the Job can be created.

    blocked: the reason why not; since: when this became certain, in monotonic seconds; read_at: when to read the Events
    at_once: whether to read the Events as soon as Pods are missing
    """

    def __init__(self, job: str, *, at_once: bool = False) -> None:
        self._job = job
        self._first_pause = 0.0 if at_once else PAUSES[0]
        self.blocked: Meaning | None = None
        self.since = 0.0
        self.read_at: float | None = None
        self._reads = 0
        self._is_answered = False

    @property
    def is_quota(self) -> bool:
        """Whether the cause is a quota, which other Jobs will release."""
        return self.blocked is not None and self.blocked.verdict is Verdict.QUOTA

    @property
    def awaits_events(self) -> bool:
        """Whether Pods are missing for a reason that is not known yet."""
        return self.read_at is not None and not self._is_answered

    def needs_events(self, job: Job, pods: PodsSeen, now: float) -> bool:
        """Whether the Events must be read now."""
        if job.state or not job.started or job.deleting or pods.count(LIVE) >= job.wanted:
            self.blocked, self.read_at, self._reads = None, None, 0
            return False
        if self.read_at is None:
            self.read_at = now + self._first_pause
        if now < self.read_at:
            return False
        self._reads += 1
        self.read_at = now + PAUSES[min(self._reads, len(PAUSES) - 1)]
        return True

    def read(self, events: Sequence[Json] | None, job: Job | None, pods: PodsSeen, now: float) -> Iterator[Action]:
        """Process the Events of the Job; the newest one decides."""
        self._is_answered = True
        if events is None or job is None or self.read_at is None:
            return
        ours = [event for event in events if text_at(event, "involvedObject", "uid") == job.uid]
        created = max(pods.newest(), _newest(ours, "SuccessfulCreate"))
        failed = [event for event in ours if text_at(event, "reason") == "FailedCreate" and _time(event) >= created]
        if not failed:
            self.blocked = None
            return
        meaning = explain_pod_creation_failure(text_at(max(failed, key=_time), "message"))
        if self.blocked is None or (self.blocked.verdict is Verdict.QUOTA) != (meaning.verdict is Verdict.QUOTA):
            self.since = now + (LONGEST_BACKOFF if job.failed or pods.count([Phase.FAILED]) else 0.0)
        if self.blocked is None or self.blocked.verdict is not meaning.verdict:
            advice = quota_advice(meaning.message)
            text = f"{meaning.message}; {advice}" if advice else sentence(meaning)
            yield warning(f"the Pods of Job {self._job} cannot be created: {text}")
        self.blocked = meaning


def _newest(events: Sequence[Json], reason: str) -> str:
    return max((_time(event) for event in events if text_at(event, "reason") == reason), default="")


def _time(event: Json) -> str:
    """Return when an Event was last seen, as RFC 3339 in UTC, which sorts as text; '' if it has no time."""
    times = [text_at(event, "series", "lastObservedTime"), text_at(event, "lastTimestamp"), text_at(event, "eventTime")]
    return max(time[:19] for time in [*times, text_at(event, "metadata", "creationTimestamp")])
